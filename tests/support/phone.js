// Makes desktop Chromium look like a phone with a front (blue) and a rear (red) camera; its own fake devices know no facing.
// Real tracks from a canvas, so that real pixels cross the call. `__asked` keeps every constraint a page asked with.
(() => {
  const media = navigator.mediaDevices;
  if (!media) return;
  const cameras = [
    { deviceId: "front", label: "camera 1, facing front", facing: "user", colour: "#0000ff" },
    { deviceId: "rear", label: "camera 0, facing back", facing: "environment", colour: "#ff0000" },
  ];
  const asked = (window.__asked = []);
  const real = media.getUserMedia.bind(media);
  const list = media.enumerateDevices.bind(media);
  let open = 0;
  window.__mostOpen = 0;
  const wish = (value) => (value == null ? null : typeof value === "string" ? value : (value.exact ?? value.ideal));
  function choose({ facingMode, deviceId } = {}) {
    return cameras.find((c) => c.deviceId === wish(deviceId)) ?? cameras.find((c) => c.facing === wish(facingMode)) ?? cameras[0];
  }
  function film({ facing, deviceId, label, colour }) {
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [640, 480];
    const pen = canvas.getContext("2d");
    let n = 0;
    const timer = setInterval(() => {
      pen.fillStyle = colour;
      pen.fillRect(0, 0, 640, 480);
      pen.fillStyle = "#fff";
      pen.fillRect((n++ * 7) % 600, 440, 40, 40);
      // text that shows whether the picture is mirrored: a white block in the left third only
      pen.fillRect(0, 0, 120, 120);
    }, 33);
    const [track] = canvas.captureStream(30).getVideoTracks();
    window.__mostOpen = Math.max(window.__mostOpen, ++open);
    const stop = track.stop.bind(track);
    let live = true;
    track.stop = () => {
      if (live) [live, open] = [false, open - 1];
      clearInterval(timer);
      stop();
    };
    const settings = track.getSettings.bind(track);
    track.getSettings = () => ({ ...settings(), deviceId, facingMode: facing });
    Object.defineProperty(track, "label", { value: label });
    return track;
  }
  media.getUserMedia = async (constraints) => {
    asked.push(JSON.parse(JSON.stringify(constraints)));
    const stream = new MediaStream();
    if (constraints.audio) for (const t of (await real({ audio: constraints.audio })).getTracks()) stream.addTrack(t);
    if (constraints.video) {
      if (window.__denyCamera) throw new DOMException("Permission denied", "NotAllowedError");
      stream.addTrack(film(choose(constraints.video === true ? {} : constraints.video)));
    }
    return stream;
  };
  media.enumerateDevices = async () => [
    ...(await list()).filter(({ kind }) => kind !== "videoinput"),
    ...cameras.map(({ deviceId, label }) => ({ kind: "videoinput", deviceId, label, groupId: deviceId })),
  ];
})();
