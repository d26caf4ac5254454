// PeerServer as it is published; only its limits are raised, which would end the bench's connections otherwise.
import { PeerServer } from "peer";

PeerServer({
  host: "127.0.0.1",
  port: Number(process.env.PORT),
  path: "/",
  concurrent_limit: 100_000,
  alive_timeout: 3_600_000,
});
