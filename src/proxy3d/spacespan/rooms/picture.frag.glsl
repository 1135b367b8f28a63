#version 330
// Lamp and sun with shadows, window light without, and ambient light dimmed where things stand close together.
uniform sampler2DArray layers;
uniform sampler3D crowding;
uniform sampler2DShadow lamp_shadow;
uniform sampler2DShadow sun_shadow;
uniform mat4 lamp_from_world;
uniform mat4 sun_from_world;
uniform vec3 eye;
uniform vec3 room;
uniform vec3 lamp_position;
uniform vec3 lamp_light;
uniform vec3 sun_direction;     // towards the sun
uniform vec3 sun_light;
uniform vec3 window_centre[2];
uniform vec3 window_inward[2];  // times area in square metres; zero = no such window
uniform vec3 sky_light;
uniform vec3 outside_light;
uniform vec3 ambient_up;        // what arrives from above and from below
uniform vec3 ambient_down;
uniform float exposure;
in vec3 position;
in vec3 normal;
in vec2 uv;
flat in vec4 colour;
flat in uvec4 slot;
out vec4 picture;

vec3 albedo() {
    vec3 c = colour.rgb;
    if (slot.x != 255u) c *= texture(layers, vec3(uv, float(slot.x))).rgb;
    return c * c;  // close enough to the sRGB curve, and undone by the square root below
}

void main() {
#ifdef SEE_THROUGH
    // Screen-door glass: 2 x 2 samples make one pixel, so four thresholds are four exact opacities.
    ivec2 cell = ivec2(gl_FragCoord.xy) & 1;
    if (colour.a < 0.125 + 0.25 * float(cell.x ^ cell.y) + 0.5 * float(cell.y)) discard;
#endif
    vec3 c = albedo();
    vec3 n = normalize(normal);
    vec3 view = normalize(eye - position);
    if (dot(n, view) < 0.0) n = -n;
    vec3 light;
    if (slot.z == 255u) {
        light = outside_light;
    } else {
        float open = texture(crowding, (position + n * 0.13 + 0.16) / (room + 0.32)).r;
        light = mix(ambient_down, ambient_up, 0.5 + 0.5 * n.z) * open;
        vec3 to_lamp = lamp_position - position;
        float square = dot(to_lamp, to_lamp);
        float facing = dot(n, to_lamp) * inversesqrt(square);
        if (facing > 0.0) {
            vec4 s = lamp_from_world * vec4(position + n * 0.02, 1.0);
            vec3 q = s.xyz / s.w * 0.5 + 0.5;
            float lit = s.w > 0.2 && all(lessThan(abs(q.xy - 0.5), vec2(0.499))) ? texture(lamp_shadow, vec3(q.xy, q.z - 0.0008)) : 1.0;
            light += lamp_light * facing * lit / (0.6 + square);
        }
        for (int i = 0; i < 2; i++) {
            vec3 to_window = window_centre[i] - position;
            float d = dot(to_window, to_window);
            float sent = max(-dot(window_inward[i], to_window), 0.0) * max(dot(n, to_window) + 0.25 * sqrt(d), 0.0) / 1.25;
            light += sky_light * sent / (d * (d + 0.4)) * (0.4 + 0.6 * open);
        }
        float sunny = dot(n, sun_direction);
        if (sunny > 0.0 && sun_light.r > 0.0) {
            vec3 q = (sun_from_world * vec4(position + n * 0.02, 1.0)).xyz * 0.5 + 0.5;
            light += sun_light * sunny * texture(sun_shadow, vec3(q.xy, q.z - 0.002));
        }
        light += lamp_light * float(slot.z) / 60.0;
    }
    picture = vec4(sqrt(1.0 - exp(-exposure * c * light)), 1.0);
}
