// palingenesis for OpenCode: lets the palingenesis daemon of this user look after the sessions of
// this process. Installed by `palingenesis integrate opencode`, removed by the same with --remove.
//
// What it does: it tells the daemon, over a Unix socket that only this user can open, what OpenCode
// announces to every plugin, and hands the daemon's requests to OpenCode's own interface, in this
// process: those of ALLOWED, and no others. It opens no port and no file, and talks to nobody else.
// Without a daemon it does nothing but look, every two seconds, whether the socket is there.

import { statSync } from "node:fs"
import { connect } from "node:net"

const VERSION = "1"
const SOCKET = ""

const PROTOCOL = "palingenesis-agent/1"
const AGAIN_MS = 2000
const REFUSED_MS = 60000
const GROWTH_MS = 1000
const GROWING_MAX = 256
const UNSENT_MAX = 1024 * 1024

/** What the daemon may ask of OpenCode: to look, to prompt, to abort, to summarise, to tell. */
const ID = "[A-Za-z0-9_]+"
const ALLOWED = [
  ["GET", "/global/health"],
  ["GET", "/experimental/session"],
  ["GET", `/session/${ID}`],
  ["GET", `/session/${ID}/children`],
  ["GET", `/session/${ID}/message`],
  ["GET", `/session/${ID}/todo`],
  ["GET", "/session/status"],
  ["GET", "/permission"],
  ["GET", "/question"],
  ["GET", "/config/providers"],
  ["POST", "/session"],
  ["POST", `/session/${ID}/prompt_async`],
  ["POST", `/session/${ID}/abort`],
  ["POST", `/session/${ID}/summarize`],
  ["POST", "/tui/show-toast"],
  ["POST", "/tui/select-session"],
].map(([method, path]) => ({ method, path: new RegExp(`^${path}$`) }))

/** What says how a session does; all other announcements stay here. */
const HEARD = new RegExp(
  "^(session\\.(created|updated|deleted|status|idle|error|compacted)|todo\\.updated" +
    "|message\\.(updated|part\\.updated|part\\.delta)|permission\\..+|question\\..+" +
    "|server\\.instance\\.disposed|global\\.disposed)$",
)

/** One for the whole process, however many projects it has open. */
const KEY = Symbol.for("palingenesis.plugin")

class Connection {
  instances = new Map() // by a key of its own: the folder of an instance, and how to ask OpenCode
  socket = null // set while the daemon listens
  seq = 0
  grown = new Map() // when was told last of something that grows

  /** A project was opened in this process. */
  open(directory, client) {
    const key = Symbol(directory)
    this.instances.set(key, { directory, client })
    if (this.instances.size === 1 && !this.begun) {
      this.begun = true
      this.connect()
    } else this.greet()
    return key
  }

  /** A project was closed; with the last one, the process is about to end. */
  close(key) {
    this.instances.delete(key)
    if (this.instances.size === 0) this.say({ bye: true })
  }

  /** OpenCode announced something. What cannot be sent is counted, so that the gap is seen. */
  tell(directory, event) {
    if (this.socket === null || !HEARD.test(event?.type) || this.isTooSoon(event)) return
    this.seq += 1
    if (this.socket.writableLength > UNSENT_MAX) this.missed = true
    else this.say({ seq: this.seq, directory, payload: event })
  }

  /** Of a text that grows, and of a tool that prints, one announcement a second is enough. */
  isTooSoon(event) {
    const what = growing(event)
    if (what === undefined) return false
    const now = Date.now()
    if (Math.abs(now - (this.grown.get(what) ?? 0)) < GROWTH_MS) return true
    if (this.grown.size >= GROWING_MAX) this.grown.clear()
    this.grown.set(what, now)
    return false
  }

  /** Nothing that is said may be heard of in OpenCode when it fails. */
  say(document) {
    try {
      this.socket?.write(`${JSON.stringify(document)}\n`)
    } catch {
      // An announcement that cannot be written down is missed, and its number tells.
    }
  }

  greet() {
    const directories = [...this.instances.values()].map((one) => one.directory)
    this.say({ hello: { plugin: VERSION, pid: process.pid, directories } })
  }

  // ── the socket ──

  /** Nothing here may keep OpenCode from ending, or be heard of when it fails. */
  later(ms) {
    setTimeout(() => this.connect(), ms).unref?.()
  }

  connect() {
    if (!isOurs(SOCKET)) return this.later(AGAIN_MS)
    const [directory] = [...this.instances.values()].map((one) => one.directory)
    const query = new URLSearchParams({ pid: process.pid, plugin: VERSION, directory: directory ?? "" })
    const socket = connect({ path: SOCKET })
    let said = ""
    let again = AGAIN_MS
    let isLost = false
    const lose = () => {
      if (isLost) return
      isLost = true
      socket.destroy()
      if (this.socket === socket) this.socket = null
      this.later(again)
    }
    socket.setEncoding("utf8")
    socket.on("connect", () => {
      socket.unref()
      socket.write(
        `GET /v1/agents/opencode?${query} HTTP/1.1\r\nHost: palingenesis\r\n` +
          `Connection: Upgrade\r\nUpgrade: ${PROTOCOL}\r\n\r\n`,
      )
    })
    socket.on("data", (text) => {
      said += text
      if (this.socket !== socket) {
        const end = said.indexOf("\r\n\r\n")
        if (end < 0) return
        if (!said.startsWith("HTTP/1.1 101 ")) {
          again = REFUSED_MS
          return lose()
        }
        said = said.slice(end + 4)
        this.socket = socket
        this.missed = false
        this.greet()
      }
      const lines = said.split("\n")
      said = lines.pop()
      for (const line of lines) this.hear(line, socket).catch(lose)
    })
    socket.on("drain", () => {
      if (!this.missed) return
      this.missed = false
      this.say({ seq: this.seq, missed: true })
    })
    // A daemon that dies before it has read everything is told by "end" alone.
    for (const ending of ["end", "error", "close"]) socket.on(ending, lose)
  }

  // ── what the daemon asks ──

  /** Fails on what is no question: then nothing else that comes there can be relied on. */
  async hear(line, socket) {
    const ask = JSON.parse(line)
    const answer = await this.answer(ask).catch((error) => ({ error: String(error).slice(0, 200) }))
    if (this.socket === socket) this.say({ answer: ask.ask, ...answer })
  }

  async answer({ method, path, headers, body }) {
    const url = new URL(path, "http://localhost")
    if (!ALLOWED.some((one) => one.method === method && one.path.test(url.pathname)))
      return { error: `${method} ${url.pathname} is not allowed` }
    const newest = [...this.instances.values()].at(-1)
    if (newest === undefined) return { error: "no project is open" }
    const config = newest.client._client.getConfig()
    const known = new Headers(config.headers)
    known.delete("x-opencode-directory")
    for (const [name, value] of Object.entries(headers ?? {})) known.set(name, value)
    const place = new URL(url.pathname + url.search, config.baseUrl)
    const reply = await config.fetch(new Request(place, { method, headers: known, body }))
    const text = await reply.text()
    return {
      status: reply.status,
      type: reply.headers.get("content-type") ?? "",
      next: reply.headers.get("x-next-cursor") ?? "",
      body: url.pathname === "/config/providers" && reply.ok ? withoutSecrets(text) : text,
    }
  }
}

/** By what to know the thing that an announcement only tells more of; unset: it tells of a change. */
function growing({ type, properties }) {
  if (type === "message.part.delta") return properties?.sessionID
  const part = type === "message.part.updated" ? properties?.part : undefined
  const prints = part?.state?.status === "running" && part.state.metadata?.output !== undefined
  return prints ? part.id : undefined
}

/** Of the providers, the sizes of their models only: keys stay here. */
function withoutSecrets(text) {
  const providers = JSON.parse(text).providers.map(({ id, models }) => ({
    id,
    models: Object.fromEntries(Object.entries(models).map(([name, { limit }]) => [name, { limit }])),
  }))
  return JSON.stringify({ providers })
}

/** Whether there is a socket, in a place that belongs to this user. */
function isOurs(path) {
  try {
    const found = statSync(path)
    return found.isSocket() && found.uid === process.getuid()
  } catch {
    return false
  }
}

export const Palingenesis = async ({ client, directory }) => {
  if (!SOCKET || process.env.PALINGENESIS_MANAGED) return {} // the daemon's own server needs none
  globalThis[KEY] ??= new Connection()
  const connection = globalThis[KEY]
  const told = [...connection.instances.values()]
  if (told.some((one) => one.client === client && one.directory === directory)) return {} // a copy
  const key = connection.open(directory, client)
  return {
    event: async ({ event }) => connection.tell(directory, event),
    dispose: async () => connection.close(key),
  }
}
