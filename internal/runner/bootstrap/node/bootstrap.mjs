// The loop of a Node.js function: it asks the Runtime API for events, calls the handler, and answers.
import http from "node:http";
import path from "node:path";
import fs from "node:fs";
import util from "node:util";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const base = "/2018-06-01/runtime";
const line = "\x1e"; // joins the lines of one event of the log
const [host, port] = process.env.AWS_LAMBDA_RUNTIME_API.split(":");
const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });

function call(method, target, body, headers = {}) {
  return new Promise((resolve, reject) => {
    const options = { host, port, path: base + target, method, agent, headers: { ...headers } };
    if (body !== undefined) {
      options.headers["Content-Type"] = "application/json";
      options.headers["Content-Length"] = Buffer.byteLength(body);
    }
    const request = http.request(options, (response) => {
      const chunks = [];
      response.on("data", (chunk) => chunks.push(chunk));
      response.on("end", () => resolve({ headers: response.headers, body: Buffer.concat(chunks).toString("utf8") }));
      response.on("error", reject);
    });
    request.on("error", reject);
    request.end(body);
  });
}

// A problem of the function's set-up, described as the runtime describes it.
class Failure extends Error {
  constructor(kind, message, cause) {
    super(message);
    this.name = kind;
    if (cause && cause.stack) this.stack = `${kind}: ${message}\n${String(cause.stack).split("\n").slice(1).join("\n")}`;
  }
}

function describe(error) {
  if (util.types.isNativeError(error) || (error && error.name && error.message)) {
    return {
      errorType: String(error.name),
      errorMessage: String(error.message),
      trace: String(error.stack || "").split("\n"),
    };
  }
  return { errorType: typeof error, errorMessage: String(error), trace: [] };
}

let requestId;

function print(level, args) {
  const text = util.format(...args).replaceAll("\n", line).replaceAll("\r", "\r");
  fs.writeSync(1, `${new Date().toISOString()}\t${requestId}\t${level}\t${text}\n`);
}

function patchConsole() {
  const levels = { log: "INFO", info: "INFO", debug: "DEBUG", warn: "WARN", error: "ERROR", trace: "TRACE" };
  for (const [name, level] of Object.entries(levels)) console[name] = (...args) => print(level, args);
}

function fail(target, error) {
  const description = describe(error);
  print("ERROR", [target.startsWith("/init") ? "Uncaught Exception" : "Invoke Error", "\t" + JSON.stringify({
    errorType: description.errorType, errorMessage: description.errorMessage, stack: description.trace })]);
  return call("POST", target, JSON.stringify(description), { "Lambda-Runtime-Function-Error-Type": description.errorType });
}

async function load(root, name) {
  const match = /^(.*\/)?([^./][^/]*?)\.(.+)$/.exec(name);
  if (!match || name.includes("..")) throw new Failure("Runtime.MalformedHandlerName", "Bad handler");
  const [, directory = "", file, nested] = match;
  const module = await loadModule(path.resolve(root, directory, file), file);
  const handler = nested.split(".").reduce((at, key) => (at === undefined || at === null ? at : at[key]), module);
  if (handler === undefined || handler === null) {
    throw new Failure("Runtime.HandlerNotFound", `${directory}${file}.${nested} is undefined or not exported`);
  }
  if (typeof handler !== "function") {
    throw new Failure("Runtime.HandlerNotFound", `${directory}${file}.${nested} is not a function`);
  }
  return handler;
}

async function loadModule(base, file) {
  try {
    for (const ending of ["", ".js", ".mjs", ".cjs"]) {
      if (!fs.existsSync(base + ending) || !fs.statSync(base + ending).isFile()) continue;
      if (ending === ".mjs" || isModule(base)) return await import(pathToFileURL(base + ending).href);
      return createRequire(base + ending)(base + ending);
    }
    throw Object.assign(new Error(`Cannot find module '${file}'\nRequire stack:\n- ${import.meta.filename}`), { code: "MODULE_NOT_FOUND" });
  } catch (error) {
    if (error instanceof SyntaxError) throw new Failure("Runtime.UserCodeSyntaxError", error.stack, error);
    if (error && (error.code === "MODULE_NOT_FOUND" || error.code === "ERR_MODULE_NOT_FOUND")) {
      throw new Failure("Runtime.ImportModuleError", "Error: " + error.message, error);
    }
    throw error;
  }
}

// isModule reports whether the nearest package.json makes .js files modules.
function isModule(from) {
  for (let dir = path.dirname(from); ; dir = path.dirname(dir)) {
    try {
      return JSON.parse(fs.readFileSync(path.join(dir, "package.json"), "utf8")).type === "module";
    } catch {
      if (dir === path.dirname(dir)) return false;
    }
  }
}

class Context {
  constructor(headers) {
    this.callbackWaitsForEmptyEventLoop = true;
    this.functionVersion = process.env.AWS_LAMBDA_FUNCTION_VERSION;
    this.functionName = process.env.AWS_LAMBDA_FUNCTION_NAME;
    this.memoryLimitInMB = process.env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE;
    this.logGroupName = process.env.AWS_LAMBDA_LOG_GROUP_NAME;
    this.logStreamName = process.env.AWS_LAMBDA_LOG_STREAM_NAME;
    this.clientContext = headers["lambda-runtime-client-context"] ? JSON.parse(headers["lambda-runtime-client-context"]) : undefined;
    this.identity = undefined;
    this.invokedFunctionArn = headers["lambda-runtime-invoked-function-arn"];
    this.awsRequestId = headers["lambda-runtime-aws-request-id"];
    const deadline = Number(headers["lambda-runtime-deadline-ms"]);
    this.getRemainingTimeInMillis = () => Math.max(deadline - Date.now(), 0);
  }
}

// run calls a handler that returns a promise, or takes a callback, or does both.
function run(handler, event, context) {
  return new Promise((resolve, reject) => {
    const callback = (error, result) => (error === null || error === undefined ? resolve(result) : reject(error));
    context.done = callback;
    context.succeed = resolve;
    context.fail = reject;
    const returned = handler(event, context, callback);
    if (returned && typeof returned.then === "function") returned.then(resolve, reject);
    else if (handler.length < 3) resolve(returned);
  });
}

function encode(result) {
  try {
    return JSON.stringify(result === undefined ? null : result);
  } catch (error) {
    throw new Failure("Runtime.MarshalError", "Unable to stringify response body as json: " + error.message, error);
  }
}

async function main() {
  patchConsole();
  let handler;
  try {
    handler = await load(process.env.LAMBDA_TASK_ROOT, process.env._HANDLER);
  } catch (error) {
    await fail("/init/error", error);
    process.exit(1);
  }
  for (const kind of ["uncaughtException", "unhandledRejection"]) {
    process.on(kind, async (error) => {
      const known = kind === "unhandledRejection" ? new Failure("Runtime.UnhandledPromiseRejection", String(error), error) : error;
      if (requestId) await fail(`/invocation/${requestId}/error`, known);
      process.exit(kind === "uncaughtException" ? 129 : 128);
    });
  }
  for (;;) {
    const { headers, body } = await call("GET", "/invocation/next");
    requestId = headers["lambda-runtime-aws-request-id"];
    process.env._X_AMZN_TRACE_ID = headers["lambda-runtime-trace-id"] || "";
    try {
      const answer = encode(await run(handler, JSON.parse(body), new Context(headers)));
      await call("POST", `/invocation/${requestId}/response`, answer);
    } catch (error) {
      await fail(`/invocation/${requestId}/error`, error);
    }
  }
}

await main();
