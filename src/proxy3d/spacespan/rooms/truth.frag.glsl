#version 330
// Depth along the optical axis, object id and unlit colour at the exact centre of each pixel.
uniform sampler2DArray layers;
in vec2 uv;
in float depth;
flat in vec4 colour;
flat in uvec4 slot;
layout(location = 0) out float depth_m;
layout(location = 1) out vec4 colour_and_id;

void main() {
    vec3 c = colour.rgb;
    if (slot.x != 255u) c *= texture(layers, vec3(uv, float(slot.x))).rgb;
    depth_m = depth;
    colour_and_id = vec4(c, float(slot.y) / 255.0);
}
