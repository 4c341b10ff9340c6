//! Probes and actions around a container's life.

use crate::values::IntOrString;

record! {
    /// A question asked of a running container; one action is set.
    pub struct Probe {
        /// Runs a program; exit code 0 means yes.
        pub exec: Option<ExecAction>,
        /// Asks over HTTP; a status from 200 to 399 means yes.
        pub http_get: Option<HttpGetAction>,
        /// Opens a connection.
        pub tcp_socket: Option<TcpSocketAction>,
        /// Asks the gRPC health service.
        pub grpc: Option<GrpcAction>,
        /// Seconds before the first question.
        pub initial_delay_seconds: Option<i32>,
        /// Seconds until a question counts as failed; 1 by default.
        pub timeout_seconds: Option<i32>,
        /// Seconds between questions; 10 by default.
        pub period_seconds: Option<i32>,
        /// Successes in a row after a failure; 1 by default.
        pub success_threshold: Option<i32>,
        /// Failures in a row that count; 3 by default.
        pub failure_threshold: Option<i32>,
        /// Seconds of grace when the probe ends the container.
        pub termination_grace_period_seconds: Option<i64>,
    }

    /// Actions around a container's life.
    pub struct Lifecycle {
        /// After the start.
        pub post_start: Option<LifecycleHandler>,
        /// Before the stop.
        pub pre_stop: Option<LifecycleHandler>,
        /// The signal that asks the container to stop.
        pub stop_signal: Option<String>,
    }

    /// One action; one field is set.
    pub struct LifecycleHandler {
        /// Runs a program.
        pub exec: Option<ExecAction>,
        /// Asks over HTTP.
        pub http_get: Option<HttpGetAction>,
        /// Opens a connection.
        pub tcp_socket: Option<TcpSocketAction>,
        /// Waits.
        pub sleep: Option<SleepAction>,
    }

    /// A program run in the container.
    pub struct ExecAction {
        /// The program and its arguments; no shell.
        pub command: Vec<String>,
    }

    /// A request over HTTP.
    pub struct HttpGetAction {
        /// The path.
        pub path: String,
        /// The port, by number or name.
        pub port: Option<IntOrString>,
        /// The host; the pod by default.
        pub host: String,
        /// `HTTP` or `HTTPS`.
        pub scheme: String,
        /// Headers.
        pub http_headers: Vec<HttpHeader>,
    }

    /// A header of a probe's request.
    pub struct HttpHeader {
        /// The header's name.
        pub name: String,
        /// The header's value.
        pub value: String,
    }

    /// A connection.
    pub struct TcpSocketAction {
        /// The port, by number or name.
        pub port: Option<IntOrString>,
        /// The host; the pod by default.
        pub host: String,
    }

    /// A question to the gRPC health service.
    pub struct GrpcAction {
        /// The port.
        pub port: i32,
        /// The service asked about.
        pub service: Option<String>,
    }

    /// A wait.
    pub struct SleepAction {
        /// How long.
        pub seconds: i64,
    }
}
