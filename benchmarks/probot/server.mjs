// Probot as its own documentation sets it up, with one handler that does nothing: the rival of the webhook benchmark.
import { generateKeyPairSync } from "node:crypto";
import { createServer } from "node:http";
import { createNodeMiddleware, createProbot } from "probot";

const { privateKey } = generateKeyPairSync("rsa", {
  modulusLength: 2048,
  privateKeyEncoding: { type: "pkcs1", format: "pem" },
  publicKeyEncoding: { type: "pkcs1", format: "pem" },
});
const probot = createProbot({
  overrides: { appId: 1, privateKey, secret: process.env.WEBHOOK_SECRET, logLevel: "fatal" },
});
const app = (bot) => {
  bot.on("pull_request", async () => {});
};
const middleware = await createNodeMiddleware(app, { probot, webhooksPath: "/webhooks" });

createServer((request, response) => {
  middleware(request, response, () => response.writeHead(404).end());
}).listen(Number(process.env.PORT), "127.0.0.1");
