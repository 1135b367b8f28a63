"use strict";
// The 3D view: given the page's data it draws everything, and tells the page what was pointed at. It keeps no opinion on what is selected.

const PALETTE = ["#e8590c", "#1c7ed6", "#2f9e44", "#ae3ec9", "#d6336c", "#0c9aa8", "#b07d00", "#6741d9"];
const answerColour = (i) => PALETTE[i % PALETTE.length];
const cssColour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function bytesOf(base64) {
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}

/** Thick lines; `points` is a flat list x0 y0 z0 x1 y1 z1 ... of segment ends. */
function segments(points, colour, width) {
  const geometry = new THREE.LineSegmentsGeometry().setPositions(points);
  return new THREE.LineSegments2(geometry, new THREE.LineMaterial({ color: colour, linewidth: width, transparent: true }));
}

function label(text, className, at) {
  const element = document.createElement("div");
  element.textContent = text;
  element.className = className;
  const object = new THREE.CSS2DObject(element);
  object.position.set(...at);
  return object;
}

const linearOf = (code) => (code <= 0.04045 ? code / 12.92 : ((code + 0.055) / 1.055) ** 2.4);

/**
 * `cover`: how wide points are, against the width at which as many would just cover a square as large as the scene.
 * `userData.paint(proxies, colours)`: only points of these proxies (a Set, or null for all) are as bright as they can be; each point in
 * its proxy's colour, or its own where `colours` is null. Faint points are drawn after bright ones, and hide nothing.
 */
function makeCloud(cloud, diagonal, cover) {
  const view = new DataView(bytesOf(cloud.xyz_u16).buffer);
  const position = new Float32Array(3 * cloud.count);
  for (let i = 0; i < position.length; i++) position[i] = cloud.low[i % 3] + cloud.step[i % 3] * view.getUint16(2 * i, true);
  const linear = Float32Array.from({ length: 256 }, (_, v) => linearOf(v / 255));
  const geometry = new THREE.BufferGeometry();
  geometry.setAttribute("position", new THREE.BufferAttribute(position, 3));
  const own = Float32Array.from(bytesOf(cloud.rgb_u8), (v) => linear[v]);
  const colour = new THREE.BufferAttribute(own.slice(), 3), order = new THREE.BufferAttribute(new Uint32Array(cloud.count), 1);
  geometry.setAttribute("color", colour);
  geometry.setIndex(order);
  const size = Math.min(Math.max((cover * diagonal) / Math.sqrt(cloud.count), 0.003 * diagonal), 0.03 * diagonal);
  const [bright, faint] = [true, false].map((depthWrite) => new THREE.PointsMaterial({ size, vertexColors: true, transparent: true, depthWrite }));
  for (const material of [bright, faint]) material.onBeforeCompile = (shader) => {  // round points
    shader.fragmentShader = shader.fragmentShader.replace("#include <map_particle_fragment>", "if (length(gl_PointCoord - 0.5) > 0.5) discard;");
  };
  const points = new THREE.Points(geometry, [bright, faint]);
  points.userData.paint = (proxies, colours) => {
    if (!colours) colour.array.set(own);
    else {
      const rgb = colours.map((hex) => [1, 3, 5].map((at) => linear[parseInt(hex.slice(at, at + 2), 16)]));
      cloud.proxy.forEach((k, i) => colour.array.set(rgb[k], 3 * i));
    }
    const told = cloud.proxy && proxies && proxies.size > 0;
    let first = 0, last = cloud.count;
    for (let i = 0; i < cloud.count; i++) order.array[!told || proxies.has(cloud.proxy[i]) ? first++ : --last] = i;
    geometry.clearGroups();
    geometry.addGroup(0, first, 0);
    geometry.addGroup(first, cloud.count - first, 1);
    bright.opacity = proxies && !told ? 0.45 : 1;
    faint.opacity = 0.13;
    colour.needsUpdate = order.needsUpdate = true;
  };
  points.userData.materials = [bright, faint];
  return points;
}

/** A shell that shows its rim and lets the middle through, so that what it stands for stays visible. */
function shellMaterial() {
  return new THREE.ShaderMaterial({
    uniforms: { colour: { value: new THREE.Color() }, strength: { value: 1 } },
    vertexShader: `varying vec3 across; varying vec3 toEye;
      void main() { vec4 seen = modelViewMatrix * vec4(position, 1.0); across = normalMatrix * normal; toEye = -seen.xyz; gl_Position = projectionMatrix * seen; }`,
    fragmentShader: `uniform vec3 colour; uniform float strength; varying vec3 across; varying vec3 toEye;
      void main() { float rim = 1.0 - abs(dot(normalize(across), normalize(toEye)));
        gl_FragColor = vec4(colour, strength * (0.14 + 0.76 * rim * rim)); \n#include <colorspace_fragment>\n }`,
    transparent: true, depthWrite: false,
  });
}

/** The three ellipses in which an ellipsoid meets the planes through its middle. */
function rings(centre, half, width) {
  const points = [], turn = Math.PI / 36;
  for (const [one, other] of [[0, 1], [0, 2], [1, 2]]) for (let i = 0; i < 72; i++) for (const angle of [i * turn, (i + 1) * turn]) {
    const at = [...centre];
    at[one] += half[one] * Math.cos(angle);
    at[other] += half[other] * Math.sin(angle);
    points.push(...at);
  }
  return segments(points, "#888888", width);
}

const VAST = 0.5;  // share of the scene's diagonal; a shell that is larger would cover what it does not stand for

function makeProxies(data, diagonal) {
  const group = new THREE.Group();
  const ball = new THREE.SphereGeometry(1, 32, 20);
  group.userData.items = data.proxies.map((proxy, k) => {
    const shell = new THREE.Mesh(ball, shellMaterial());
    shell.position.set(...proxy.position);
    shell.scale.set(...proxy.extent.map((half) => Math.max(half, 0.008 * diagonal)));
    const core = new THREE.Mesh(ball, new THREE.MeshLambertMaterial({ transparent: true }));
    shell.userData.proxy = core.userData.proxy = k;
    core.position.copy(shell.position);
    core.scale.setScalar(0.009 * diagonal * Math.min(Math.max(Math.cbrt(proxy.weight * data.proxies.length), 0.6), 2));
    const tag = label(String(k), "dot", proxy.position);
    tag.visible = false;
    const outline = 2 * Math.hypot(...proxy.extent) > VAST * diagonal ? rings(proxy.position, proxy.extent, 1.2) : null;
    group.add(...[shell, core, tag, outline].filter((part) => part));
    return { shell, core, tag, outline };
  });
  return group;
}

function makeBoxes(data) {
  const group = new THREE.Group();
  group.userData.items = data.answers.flatMap((answer, a) => answer.boxes.map((box, b) => {
    // Corner i has the bits x y z of i: two corners share an edge if one bit differs.
    const edge = [];
    for (let i = 0; i < 8; i++) for (const bit of [1, 2, 4]) if (!(i & bit)) edge.push(...box.corners[i], ...box.corners[i | bit]);
    const lines = segments(edge, answerColour(a), 2);
    const geometry = new THREE.BufferGeometry();
    geometry.setAttribute("position", new THREE.BufferAttribute(new Float32Array(box.corners.flat()), 3));
    geometry.setIndex([0, 1, 3, 0, 3, 2, 4, 5, 7, 4, 7, 6, 0, 1, 5, 0, 5, 4, 2, 3, 7, 2, 7, 6, 0, 2, 6, 0, 6, 4, 1, 3, 7, 1, 7, 5]);
    const faces = new THREE.Mesh(geometry, new THREE.MeshBasicMaterial({
      color: answerColour(a), transparent: true, opacity: 0.08, depthWrite: false, side: THREE.DoubleSide }));
    // At a corner, not above the middle: the label of a table would hide under that of the cup that stands on it.
    const tag = label(`${box.label || "box"}${box.score < 1 ? ` ${Math.round(100 * box.score)} %` : ""}`, "tag", box.corners[5]);
    tag.element.style.borderColor = answerColour(a);
    tag.center.set(0, 1.1);
    group.add(lines, faces, tag);
    return { a, b, lines, faces, tag };
  }));
  return group;
}

function makeCameras(data, diagonal) {
  const group = new THREE.Group();
  const path = [];
  data.frames.slice(1).forEach((frame, i) => path.push(...data.frames[i].centre, ...frame.centre));
  group.userData.path = path.length ? segments(path, "#888888", 1.5) : null;
  if (group.userData.path) group.add(group.userData.path);
  group.userData.items = data.frames.map((frame, t) => {
    const [p, q, r, s] = frame.corners;
    const lines = segments([p, q, r, s].flatMap((corner, i) => [...frame.centre, ...corner, ...corner, ...frame.corners[(i + 1) % 4]]), "#888888", 1.5);
    group.add(lines);
    const tag = label(String(t), "metre", frame.centre);
    tag.center.set(1.4, 0.5);
    group.add(tag);
    let picture = null;
    if (frame.jpeg) {
      const geometry = new THREE.BufferGeometry();
      geometry.setAttribute("position", new THREE.BufferAttribute(new Float32Array(frame.corners.flat()), 3));
      geometry.setAttribute("uv", new THREE.BufferAttribute(new Float32Array([0, 1, 1, 1, 1, 0, 0, 0]), 2));
      geometry.setIndex([0, 1, 2, 0, 2, 3]);
      picture = new THREE.Mesh(geometry, new THREE.MeshBasicMaterial({ transparent: true, side: THREE.DoubleSide }));
      group.add(picture);
    }
    return { lines, tag, picture };
  });
  /** Cameras right before the eye would hide the room, above all after "look from here". */
  group.userData.step_aside = (eye) => group.userData.items.forEach(({ lines, tag, picture }) => {
    const clear = eye.distanceTo(tag.position) > 0.2 * diagonal;
    for (const part of [lines, tag, picture]) if (part) part.visible = clear;
  });
  return group;
}

/** Lines on the ground, one per metre (or per 2, 5, 10 ... in a large place); a place without scale gets ten squares and no numbers. */
function makeGrid(data, diagonal) {
  const group = new THREE.Group();
  const span = Math.max(data.high[0] - data.low[0], data.high[1] - data.low[1], 1e-3);
  let step = data.unit ? 1 : span / 10;
  if (data.unit) for (let i = 0; span / step > 16; i++) step *= i % 3 === 1 ? 2.5 : 2;
  if (data.unit) while (span / step < 2) step /= 10;
  const first = [0, 1].map((axis) => Math.floor(data.low[axis] / step + 0.1));
  const last = [0, 1].map((axis) => Math.ceil(data.high[axis] / step - 0.1));
  const points = [], numbers = [];
  for (const axis of [0, 1]) {
    const other = 1 - axis;
    for (let i = first[axis]; i <= last[axis]; i++) {
      const at = [0, 0, data.floor];
      at[axis] = i * step;
      for (const end of [first[other], last[other]]) points.push(...at.map((value, j) => (j === other ? end * step : value)));
      const text = Number((i * step).toPrecision(6));
      if (data.unit) numbers.push({ other, tag: label(i === last[axis] ? `${"xy"[axis]} = ${text} m` : String(text), "metre", at) });
    }
  }
  for (const { tag } of numbers) group.add(tag);
  /** Numbers stand at the two edges that are nearer to the eye, where nothing is in front of them. */
  group.userData.face = (eye) => numbers.forEach(({ other, tag }) => {
    const [near, far] = [first[other] * step, last[other] * step], axis = "xy"[other], beside = 0.022 * diagonal;
    tag.position[axis] = eye[axis] < (near + far) / 2 ? near - beside : far + beside;
  });
  const geometry = new THREE.BufferGeometry();
  geometry.setAttribute("position", new THREE.BufferAttribute(new Float32Array(points), 3));
  group.userData.lines = new THREE.LineSegments(geometry, new THREE.LineBasicMaterial());
  group.userData.step = step;
  group.add(group.userData.lines);
  return group;
}

/** Throws where WebGL is missing. `on.pick(proxy or null)` and `on.hover(proxy or null, x, y)` report the pointer. */
function makeStage(data, on) {
  const holder = document.getElementById("stage");
  const renderer = new THREE.WebGLRenderer({ antialias: true, alpha: true });
  renderer.localClippingEnabled = true;
  renderer.setPixelRatio(Math.min(window.devicePixelRatio, 2));
  renderer.domElement.setAttribute("aria-label", "3D view of the scene; the list of proxies holds the same as a table");
  holder.prepend(renderer.domElement);
  const labels = new THREE.CSS2DRenderer({ element: document.getElementById("labels") });
  const low = new THREE.Vector3(...data.low), high = new THREE.Vector3(...data.high);
  const centre = low.clone().add(high).multiplyScalar(0.5), diagonal = low.distanceTo(high);

  const world = new THREE.Scene();
  const camera = new THREE.PerspectiveCamera(42, 1, 0.005 * diagonal, 60 * diagonal);
  camera.up.set(0, 0, 1);
  const sun = new THREE.DirectionalLight("#ffffff", 1.6);
  sun.position.set(0.4, -0.6, 1);
  world.add(new THREE.AmbientLight("#ffffff", 1.9), sun);
  const layer = { proxies: makeProxies(data, diagonal), boxes: makeBoxes(data), cameras: makeCameras(data, diagonal), grid: makeGrid(data, diagonal) };
  if (data.cloud) layer.points = makeCloud(data.cloud, diagonal, data.proxies.length ? 1.1 : 2.4);  // without proxies the points are what there is to see: let them close
  world.add(...Object.values(layer));

  const controls = new THREE.OrbitControls(camera, renderer.domElement);
  Object.assign(controls, { enableDamping: true, dampingFactor: 0.12, zoomToCursor: true, minDistance: 0.02 * diagonal, maxDistance: 12 * diagonal });
  let dirty = true, flight = null, ceiling = Infinity, points_decide = false;
  const redraw = () => { dirty = true; };
  controls.addEventListener("change", redraw);
  controls.addEventListener("start", () => { flight = null; });

  const loader = new THREE.TextureLoader();
  data.frames.forEach((frame, t) => frame.jpeg && loader.load(`data:image/jpeg;base64,${frame.jpeg}`, (texture) => {
    texture.colorSpace = THREE.SRGBColorSpace;
    Object.assign(layer.cameras.userData.items[t].picture.material, { map: texture, needsUpdate: true });
    redraw();
  }));

  function flyTo(eye, target, at_once) {
    if (at_once || matchMedia("(prefers-reduced-motion: reduce)").matches) {
      camera.position.copy(eye);
      controls.target.copy(target);
      redraw();
    } else flight = { eye, target, start: performance.now(), from: camera.position.clone(), aim: controls.target.clone() };
  }
  /** All of it from the side the cameras looked from, a little turned and raised; or from above. */
  function overview(from_above, at_once) {
    const ahead = new THREE.Vector3();
    for (const frame of data.frames) for (const corner of frame.corners) ahead.add(new THREE.Vector3(...corner).sub(new THREE.Vector3(...frame.centre)));
    ahead.z = 0;
    if (ahead.length() < 0.2 * diagonal * 0.07 * data.frames.length) ahead.set(-0.6, 1, 0);
    ahead.normalize().applyAxisAngle(camera.up, 0.42);
    const back = from_above ? new THREE.Vector3(-0.001 * ahead.x, -0.001 * ahead.y, 1) : new THREE.Vector3(-ahead.x, -ahead.y, 0.72).normalize();
    const narrow = Math.min(1, camera.aspect);
    flyTo(centre.clone().addScaledVector(back, (0.53 * diagonal) / Math.sin((camera.fov * Math.PI) / 360) / (0.25 + 0.75 * narrow)), centre.clone(), at_once);
  }

  const ray = new THREE.Raycaster(), pointer = new THREE.Vector2();
  /** The proxy that stands for the nearest point under the pointer. */
  function ownerAt() {
    if (!layer.points || !layer.points.visible || !data.cloud.proxy) return null;
    ray.params.Points.threshold = layer.points.userData.materials[0].size / 2;
    const hit = ray.intersectObject(layer.points).find(({ point }) => point.z <= ceiling);
    return hit ? data.cloud.proxy[hit.index] : null;
  }
  /**
   * Of all shells under the pointer, the proxy whose middle is nearest to it: shells overlap, middles hardly ever do. Where points
   * have the colours of their proxies, and where there is no shell, the points decide.
   */
  function proxyAt(event) {
    const area = renderer.domElement.getBoundingClientRect();
    pointer.set(((event.clientX - area.left) / area.width) * 2 - 1, 1 - ((event.clientY - area.top) / area.height) * 2);
    ray.setFromCamera(pointer, camera);
    let best = points_decide ? ownerAt() : null, nearest = Infinity;
    if (best !== null || !layer.proxies.visible) return best;
    const solid = layer.proxies.userData.items.flatMap(({ shell, core, outline }) => (outline ? core : shell));
    for (const hit of ray.intersectObjects(solid)) {
      const middle = hit.object.position.clone().project(camera);
      const distance = Math.hypot((middle.x - pointer.x) * area.width, (middle.y - pointer.y) * area.height);
      if (distance < nearest) [best, nearest] = [hit.object.userData.proxy, distance];
    }
    return best ?? ownerAt();
  }
  let pressed = null;
  renderer.domElement.addEventListener("pointerdown", (event) => { pressed = [event.clientX, event.clientY]; on.hover(null); });
  renderer.domElement.addEventListener("pointerup", (event) => {
    if (pressed && Math.hypot(event.clientX - pressed[0], event.clientY - pressed[1]) < 6) on.pick(proxyAt(event));
    pressed = null;
  });
  renderer.domElement.addEventListener("pointermove", (event) => {
    if (event.buttons === 0 && event.pointerType === "mouse") on.hover(proxyAt(event), event.offsetX, event.offsetY);
  });
  renderer.domElement.addEventListener("pointerleave", () => on.hover(null));

  /** `choice`: {proxies, boxes, frames: Sets, colour} or null when nothing is selected; `by`: "looks", "share" or "own". */
  function show(choice, by, hovered) {
    layer.proxies.userData.items.forEach(({ shell, core, tag, outline }, k) => {
      const lit = !choice || choice.proxies.has(k) || k === hovered, proxy = data.proxies[k];
      shell.material.uniforms.colour.value.set(proxy[by]);
      shell.material.uniforms.strength.value = k === hovered ? 1.7 : lit ? (choice ? 1.35 : 0.85) : 0.1;
      if (outline || by === "own") shell.material.uniforms.strength.value *= 0.5;  // the points say it
      if (outline) {
        const chosen = k === hovered || Boolean(choice && choice.proxies.has(k));
        shell.visible = chosen;
        outline.material.color.set(proxy[by]);
        outline.material.opacity = chosen ? 0.9 : choice ? 0.1 : 0.35;
      }
      core.material.color.set(proxy[by]);
      core.material.opacity = lit ? 1 : 0.22;
      tag.visible = k === hovered || Boolean(choice && choice.proxies.has(k));
    });
    for (const { a, b, lines, faces, tag } of layer.boxes.userData.items) {
      const lit = !choice || choice.boxes.has(`${a}/${b}`);
      lines.material.linewidth = choice && lit ? 3.5 : 2;
      lines.material.opacity = lit ? 1 : 0.15;
      faces.material.opacity = choice && lit ? 0.16 : lit ? 0.06 : 0;
      tag.visible = lit;
    }
    layer.cameras.userData.items.forEach(({ lines, tag, picture }, t) => {
      const lit = choice && choice.frames.has(t);
      lines.material.color.set(lit ? choice.colour : cssColour("--soft"));
      lines.material.linewidth = lit ? 2.2 : 1.5;
      lines.material.opacity = choice && !lit ? 0.3 : 1;
      if (picture) picture.material.opacity = choice && !lit ? 0.25 : 0.95;
      tag.element.classList.toggle("faded", Boolean(choice && !lit));
    });
    if (layer.cameras.userData.path) layer.cameras.userData.path.material.color.set(cssColour("--soft"));
    layer.grid.userData.lines.material.color.set(cssColour("--grid"));
    points_decide = by === "own";
    if (layer.points) {
      const lit = choice && new Set(hovered === null ? choice.proxies : [...choice.proxies, hovered]);
      layer.points.userData.paint(lit, by === "own" && data.cloud.proxy ? data.proxies.map((proxy) => proxy.own) : null);
    }
    redraw();
  }

  new ResizeObserver(() => {
    const width = Math.max(holder.clientWidth, 1), height = Math.max(holder.clientHeight, 1);
    renderer.setSize(width, height);
    labels.setSize(width, height);
    camera.aspect = width / height;
    camera.updateProjectionMatrix();
    if (!holder.dataset.drawn) overview(false, true);
    holder.dataset.drawn = "yes";
    redraw();
  }).observe(holder);
  renderer.setAnimationLoop(() => {
    if (flight) {
      const share = Math.min((performance.now() - flight.start) / 450, 1), eased = share * share * (3 - 2 * share);
      camera.position.lerpVectors(flight.from, flight.eye, eased);
      controls.target.lerpVectors(flight.aim, flight.target, eased);
      dirty = true;
      if (share === 1) flight = null;
    }
    controls.update();
    if (!dirty) return;  // nothing moved: leave the battery alone
    dirty = false;
    layer.grid.userData.face(camera.position);
    layer.cameras.userData.step_aside(camera.position);
    renderer.render(world, camera);
    labels.render(world, camera);
  });

  return {
    show,
    step: layer.grid.userData.step,
    overview: () => overview(false),
    above: () => overview(true),
    lookFrom(t) {
      const eye = new THREE.Vector3(...data.frames[t].centre), ahead = new THREE.Vector3();
      for (const corner of data.frames[t].corners) ahead.add(new THREE.Vector3(...corner).sub(eye));
      flyTo(eye, eye.clone().addScaledVector(ahead.normalize(), 0.3 * diagonal));
    },
    toggle(name, visible) {
      layer[name].visible = visible;
      redraw();
    },
    cut(share) {
      ceiling = share < 1 ? low.z + share * (high.z - low.z) * 1.02 : Infinity;
      for (const material of layer.points.userData.materials)
        material.clippingPlanes = share < 1 ? [new THREE.Plane(new THREE.Vector3(0, 0, -1), ceiling)] : [];
      redraw();
    },
  };
}
