//! `colchis info`.

use clap::Args;
use client::v1::{GetServerInfoRequest, GetServerInfoResponse, WhoAmIRequest, WhoAmIResponse};
use serde_json::{Map, Value, json};

use crate::context::{Context, now_ms};
use crate::error::{CliResult, Exit};
use crate::render::fields::Fields;
use crate::render::{Terminal, time};
use crate::support::output::Format;
use crate::support::refused;

/// Show what is known about the server and the caller
#[derive(Debug, Args)]
pub struct Info {
    /// json or yaml
    #[arg(short = 'o', long, value_name = "FORM")]
    output: Option<String>,
}

impl Info {
    pub(super) async fn run(self, ctx: &mut Context) -> CliResult {
        let format = Format::parse(self.output.as_deref(), &["json", "yaml"])?;
        let connection = ctx.connect().await?;
        let calls = connection.client.info();
        let server = calls.get_server_info(GetServerInfoRequest {}).await.map_err(|e| refused(e, None))?;
        let caller = calls.who_am_i(WhoAmIRequest {}).await.map_err(|e| refused(e, None))?;
        match format.write(&document(connection.client.address(), &server, &caller))? {
            Some(text) => ctx.out.write(text)?,
            None => {
                let text = block(connection.client.address(), &server, &caller, now_ms(), &ctx.out.terminal);
                ctx.out.write(text)?;
            }
        }
        Ok(Exit::Done)
    }
}

fn block(
    address: &str,
    server: &GetServerInfoResponse,
    caller: &WhoAmIResponse,
    now_ms: i64,
    terminal: &Terminal,
) -> String {
    let mut fields = Fields::new();
    fields.add("Server", address);
    let commit = if server.commit.is_empty() { String::new() } else { format!(" ({})", server.commit) };
    fields.add("Version", format!("{}{commit}", server.version));
    fields.add("Platform", server.platform.as_str());
    fields.add("API", server.api_version.as_str());
    fields.add("Started", time::moment(server.started_ms, now_ms, terminal));
    let drift = server.now_ms - now_ms;
    if drift.abs() > 2_000 {
        fields.add(
            "Clock",
            format!("{} {} this machine's", time::words(drift.abs()), if drift > 0 { "ahead of" } else { "behind" }),
        );
    }
    fields.add("Namespace", server.default_namespace.as_str());
    fields.add("Offers", server.capabilities.join(", "));
    fields.add("User", format!("{} (by {})", caller.user, caller.authenticator));
    fields.add("Groups", caller.groups.join(", "));
    if !caller.rules.is_empty() {
        fields.heading("Rules");
        for rule in &caller.rules {
            let text =
                format!("{} on {} in {}", rule.verbs.join(","), rule.resources.join(","), rule.namespaces.join(","));
            fields.nested(&rule.role, text);
        }
    }
    if !server.limits.is_empty() {
        fields.heading("Limits");
        for limit in &server.limits {
            fields.nested(&limit.name, limit.value.to_string());
        }
    }
    fields.render(terminal)
}

fn document(address: &str, server: &GetServerInfoResponse, caller: &WhoAmIResponse) -> Value {
    let limits: Map<String, Value> =
        server.limits.iter().map(|limit| (limit.name.clone(), json!(limit.value))).collect();
    json!({
        "server": address,
        "version": server.version,
        "commit": server.commit,
        "platform": server.platform,
        "apiVersion": server.api_version,
        "startedAt": time::rfc3339(server.started_ms),
        "defaultNamespace": server.default_namespace,
        "capabilities": server.capabilities,
        "limits": limits,
        "user": {"name": caller.user, "groups": caller.groups, "authenticator": caller.authenticator},
    })
}
