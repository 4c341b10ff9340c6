// What plugins of each kind do, as types: for editors, and for `tsc`.

/**
 * Something that an operator is asked to grant; `name` is the host, endpoint or secret. `*` as a host says that the configuration names it.
 * @typedef {{capability: "http" | "endpoint" | "secret" | "reveal" | "state" | "blobs" | "lookup", name?: string, why: string, optional?: boolean}} Need
 * @typedef {{name: string, version: string, summary: string, needs?: Need[]}} About
 * @typedef {import("./config.js").Finding} Finding
 * @typedef {import("./events.js").Event} Event
 */

/**
 * What all kinds have: what the plugin is, its configuration, and what is wrong with one beyond its types.
 * @template C
 * @typedef {{about: About, config: import("./config.js").Shape<C>, check?(config: C): Finding[]}} Plugin
 */

/** @typedef {{metric: string, namespace: string, analysisRun: string, startedMs: number}} MeasurementRequest */
/**
 * `phase` is `measured` by default. While it is `running`, `token` says what `resume` asks for, after `resumeAfterMs`.
 * @typedef {{value?: unknown, phase?: "running" | "measured" | "successful" | "failed" | "inconclusive", message?: string, token?: string, resumeAfterMs?: number, metadata?: Record<string, string>}} Measurement
 */
/**
 * Measures something for an analysis. Without `resume`, each measurement ends at once.
 * @template C
 * @typedef {Plugin<C> & {
 *   run(config: C, request: MeasurementRequest): Measurement,
 *   resume?(config: C, request: MeasurementRequest, token: string): Measurement,
 *   terminate?(config: C, request: MeasurementRequest, token: string): Measurement,
 *   metadata?(config: C): Record<string, string>,
 * }} MetricProvider
 */

/** @typedef {{parameters: Record<string, string>, artifacts: string[], namespace: string, workflow: string, workflowUid: string, node: string, template: string}} StepRequest */
/**
 * `phase` is `succeeded` by default. While it is `running`, `token` says what `poll` asks for, after `pollAfterMs`.
 * @typedef {{phase?: "running" | "succeeded" | "failed" | "error", message?: string, parameters?: Record<string, string>, result?: string, done?: number, total?: number, token?: string, pollAfterMs?: number}} Progress
 */
/**
 * Is a step of a workflow. The workflow's uid with `node` is the same for the same step, always: a key for what must not be done twice.
 * @template C
 * @typedef {Plugin<C> & {
 *   start(config: C, request: StepRequest): Progress,
 *   poll?(config: C, request: StepRequest, token: string): Progress,
 *   stop?(config: C, request: StepRequest, token: string): Progress,
 * }} Step
 */

/** @typedef {{namespace: string, sensor: string, name: string}} TriggerRequest */
/** @typedef {{message: string, answer?: unknown}} Executed */
/**
 * Does something when events came in. The key is the same when it is done again because nobody knows whether it was done: pass it on.
 * @template C
 * @typedef {Plugin<C> & {
 *   execute(config: C, request: TriggerRequest, payload: any, idempotencyKey: string): Executed,
 *   resolve?(config: any, request: TriggerRequest): any,
 *   checkPolicy?(config: C, request: TriggerRequest, policy: any, executed: Executed): {state: "met" | "pending"} | {state: "violated", why: string},
 * }} Trigger
 */

/** `path` is what is behind the endpoint's own, with the query. @typedef {{method: string, path: string, headers: [string, string][], body: Uint8Array, remoteAddress: string}} Incoming */
/** The events in a request, and what is answered when they are durable: 200 by default. @typedef {{events?: Event[], status?: number, headers?: Record<string, string>, body?: string | Uint8Array}} Outcome */
/**
 * Takes events in as HTTP requests. A request that is not genuine is answered with 401 or 403 and has no events.
 * @template C
 * @typedef {Plugin<C> & {
 *   endpoints(config: C, name: string): {path: string, methods?: string[]}[],
 *   onRequest(config: C, name: string, request: Incoming): Outcome,
 * }} EventReceiver
 */

/** Events, where to go on after them (at most 64 KiB; empty where the other side remembers by itself), and what `ack` is given when they are durable. @typedef {{events: Event[], cursor?: string, delivery?: number}} Batch */
/** One that is running, with an instance of its own: what it keeps is there in the next call. When it is over, its connections are closed. @typedef {{poll(max: number, waitMs: number): Batch, ack?(delivery: number): void, drain?(): void}} Subscription */
/**
 * Goes and gets events. The host keeps the cursor, and writes it down after the events: a crash repeats events and loses none.
 * @template C
 * @typedef {Plugin<C> & {open(config: C, name: string, cursor: string | undefined): Subscription}} EventSubscriber
 */

/** @typedef {{name: string, kind: "file" | "folder" | "other", size: number, executable: boolean}} Entry */
/**
 * A folder of files at one revision. Paths are relative to its root, with `/`; the root is the empty path. What is not there is an error `not-found`.
 * @typedef {{stat(path: string): Entry, list(path: string): Entry[], glob(path: string, pattern: string): string[], read(path: string): Uint8Array}} Tree
 */
/** @typedef {{name: string, namespace: string, kubeVersion: string, apiVersions: string[], environment: Record<string, string>}} Release */
/** @typedef {{files: Tree, path: string, fetched: Record<string, Tree>, release: Release}} RenderRequest */
/** `of` is helm-chart [repository, chart, version], oci [reference, tag], git [URL, revision, path] or url [URL]. @typedef {{name: string, source: "helm-chart" | "oci" | "git" | "url", of: string[], digest?: string}} Requirement */
/** @typedef {{manifests: {object: Record<string, unknown>, file?: string}[], warnings?: string[], notes?: string}} Rendered */
/**
 * Makes manifests of a source tree. It sees a fixed clock, a random source of a fixed seed and no network: the same input gives the same output.
 * @template C
 * @typedef {Plugin<C> & {
 *   detect(files: Tree, path: string): boolean,
 *   requirements?(config: C, request: RenderRequest): Requirement[],
 *   render(config: C, request: RenderRequest): Rendered,
 * }} ManifestRenderer
 */

export {};
