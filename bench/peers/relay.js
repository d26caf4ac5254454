// A bare relay on `ws`: each connection has an id, each message names its target in `to` and is forwarded as it came.
// No authorisation, no state, no checks: the least that a signalling server on Node can do.
import { WebSocketServer } from "ws";

const clients = new Map();
const server = new WebSocketServer({
  host: "127.0.0.1",
  port: Number(process.env.PORT),
  perMessageDeflate: false,
  backlog: 4096,
});

server.on("connection", (socket, request) => {
  const id = new URL(request.url, "http://localhost").searchParams.get("id");
  clients.set(id, socket);
  socket.on("message", (data) => {
    clients.get(JSON.parse(data).to)?.send(data, { binary: false });
  });
  socket.on("close", () => {
    if (clients.get(id) === socket) clients.delete(id);
  });
  socket.on("error", () => socket.terminate());
});
