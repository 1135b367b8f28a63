// What the viewer uses of three.js (MIT, see three.LICENSE.txt); esbuild bundles exactly this, and nothing else, into three.min.js.
// To rebuild, in an empty folder, with VIEWER set to the folder of this file:
//   npm install three@0.187.0 esbuild@0.28.2
//   NODE_PATH=node_modules npx esbuild "$VIEWER/three_entry.js" --bundle --minify --format=iife --global-name=THREE \
//     --charset=ascii --legal-comments=inline --outfile="$VIEWER/three.min.js"
//   cp node_modules/three/LICENSE "$VIEWER/three.LICENSE.txt"
export {
  AmbientLight, BufferAttribute, BufferGeometry, Color, DirectionalLight, DoubleSide, Group, LineBasicMaterial, LineSegments, Mesh,
  MeshBasicMaterial, MeshLambertMaterial, PerspectiveCamera, Plane, Points, PointsMaterial, Raycaster, Scene, ShaderMaterial,
  SphereGeometry, SRGBColorSpace, TextureLoader, Vector2, Vector3, WebGLRenderer,
} from "three";
export { OrbitControls } from "three/examples/jsm/controls/OrbitControls.js";
export { CSS2DObject, CSS2DRenderer } from "three/examples/jsm/renderers/CSS2DRenderer.js";
export { LineMaterial } from "three/examples/jsm/lines/LineMaterial.js";
export { LineSegments2 } from "three/examples/jsm/lines/LineSegments2.js";
export { LineSegmentsGeometry } from "three/examples/jsm/lines/LineSegmentsGeometry.js";
