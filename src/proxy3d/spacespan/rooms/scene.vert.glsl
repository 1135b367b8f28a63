#version 330
// One vertex of the merged scene, for the picture and for the truth alike.
uniform mat4 clip_from_world;
uniform vec3 eye;
uniform vec3 forward;
in vec3 in_position;
in vec3 in_normal;
in vec2 in_uv;
in vec4 in_colour;   // sRGB albedo and opacity
in uvec4 in_slot;    // texture layer (255 = none), object id, emission, unused
out vec3 position;
out vec3 normal;
out vec2 uv;
out float depth;     // along the optical axis, metres
flat out vec4 colour;
flat out uvec4 slot;

void main() {
    position = in_position;
    normal = in_normal;
    uv = in_uv;
    colour = in_colour;
    slot = in_slot;
    depth = dot(forward, in_position - eye);
    gl_Position = clip_from_world * vec4(in_position, 1.0);
}
