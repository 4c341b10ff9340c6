//! A container's environment: the image's, `envFrom`, `env`, Argo's own, and `$(NAME)` in all of them.

use model::core::{Container, EnvVarSource, ObjectFieldSelector, ResourceFieldSelector};
use runner::Unit;

use super::{Cannot, PROGRESS_PATH, Planner};
use crate::agent::protocol::Isolation;
use crate::images::ImageConfig;

/// Stands for the unit's own address until the supervisor knows it.
pub(crate) const ADDRESS_TOKEN: &str = "\u{1}colchis:pod-ip\u{1}";
/// Variables of one container.
const VARIABLES_MAX: usize = 10_000;
/// A larger template is not put into the environment: Linux limits one variable to 128 KiB.
const TEMPLATE_BYTES_MAX: usize = 96 << 10;

/// Builds it; later ones replace earlier ones of the same name, at their place.
pub(super) async fn build(
    planner: &Planner<'_>,
    unit: &Unit,
    container: &Container,
    name: &str,
    field: &str,
    image: &ImageConfig,
    host: bool,
) -> Result<Vec<(String, String)>, Cannot> {
    let mut env = Environment(Vec::new());
    if host {
        for key in ["PATH", "LANG", "LC_ALL", "TZ", "SSL_CERT_FILE", "SSL_CERT_DIR"] {
            if let Ok(value) = std::env::var(key) {
                env.set(key, value);
            }
        }
        if planner.isolation == Isolation::Plain {
            for key in ["HOME", "USER", "TMPDIR"] {
                if let Ok(value) = std::env::var(key) {
                    env.set(key, value);
                }
            }
        }
    }
    for variable in &image.env {
        let (key, value) = variable.split_once('=').unwrap_or((variable, ""));
        env.set(key, value.to_owned());
    }
    env.set("HOSTNAME", super::hostname(&unit.pod_name));
    argo(planner, unit, name, &mut env);
    from_objects(planner, unit, container, field, &mut env).await?;
    for (at, variable) in container.env.iter().enumerate() {
        let path = format!("{field}.env[{at}]");
        let value = match (&variable.value, &variable.value_from) {
            (Some(value), _) => Some(expand(value, &env.0)),
            (None, Some(source)) => source_value(planner, unit, container, source, &path).await?,
            (None, None) => Some(String::new()),
        };
        if let Some(value) = value {
            env.set(&variable.name, value);
        }
        if env.0.len() > VARIABLES_MAX {
            return Err(Cannot::start(format!("{field}: more than {VARIABLES_MAX} variables")));
        }
    }
    Ok(env.0)
}

struct Environment(Vec<(String, String)>);

impl Environment {
    fn set(&mut self, name: &str, value: String) {
        match self.0.iter_mut().find(|(n, _)| n == name) {
            Some(variable) => variable.1 = value,
            None => self.0.push((name.to_owned(), value)),
        }
    }
}

/// What Argo sets in every container.
fn argo(planner: &Planner<'_>, unit: &Unit, name: &str, env: &mut Environment) {
    env.set("ARGO_CONTAINER_NAME", name.to_owned());
    env.set("ARGO_NODE_ID", unit.node_id.to_string());
    env.set("ARGO_POD_NAME", unit.pod_name.to_string());
    env.set("ARGO_POD_UID", pod_uid(unit));
    env.set("ARGO_WORKFLOW_NAME", unit.workflow_name.to_string());
    env.set("ARGO_WORKFLOW_UID", unit.workflow_uid.to_string());
    env.set("ARGO_INCLUDE_SCRIPT_OUTPUT", unit.template.script.is_some().to_string());
    let progress = match (planner.isolation, planner.unit_dir) {
        (Isolation::Plain, Some(scratch)) => scratch.join("argo/progress").to_string_lossy().into_owned(),
        _ => PROGRESS_PATH.to_owned(),
    };
    env.set("ARGO_PROGRESS_FILE", progress);
    env.set("ARGO_PROGRESS_PATCH_TICK_DURATION", "0.5s".to_owned());
    env.set("ARGO_PROGRESS_FILE_TICK_DURATION", "0.5s".to_owned());
    if let Some(deadline) = unit.deadline_ms.and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok()) {
        env.set("ARGO_DEADLINE", format!("{deadline:.0}"));
    }
    if let Ok(template) = serde_json::to_string(&*unit.template)
        && template.len() <= TEMPLATE_BYTES_MAX
    {
        env.set("ARGO_TEMPLATE", template);
    }
}

/// A uid for a pod that no cluster gave one: always the same for the same key.
pub(super) fn pod_uid(unit: &Unit) -> String {
    use sha2::Digest;
    let hash = sha2::Sha256::digest(unit.key.as_bytes());
    let hex: String = hash.iter().take(16).map(|b| format!("{b:02x}")).collect();
    let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
    format!("{}-{}-{}-{}-{}", part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32))
}

async fn from_objects(
    planner: &Planner<'_>,
    unit: &Unit,
    container: &Container,
    field: &str,
    env: &mut Environment,
) -> Result<(), Cannot> {
    for (at, source) in container.env_from.iter().enumerate() {
        let path = format!("{field}.envFrom[{at}]");
        let mut values: Vec<(String, String)> = Vec::new();
        if let Some(map) = &source.config_map_ref {
            match planner.config_map(unit, &map.name).await? {
                Some(found) => values.extend(found.data),
                None if map.optional == Some(true) => {}
                None => return Err(missing(&path, "ConfigMap", &map.name, unit)),
            }
        }
        if let Some(secret) = &source.secret_ref {
            match planner.secret(unit, &secret.name).await? {
                Some(found) => values.extend(
                    found
                        .data
                        .iter()
                        .map(|(key, value)| (key.clone(), String::from_utf8_lossy(value.expose_secret()).into_owned())),
                ),
                None if secret.optional == Some(true) => {}
                None => return Err(missing(&path, "Secret", &secret.name, unit)),
            }
        }
        for (key, value) in values {
            let name = format!("{}{key}", source.prefix);
            // Kubernetes leaves out keys that are no names of variables.
            if !name.is_empty() && !name.contains(['=', '\0']) {
                env.set(&name, value);
            }
        }
    }
    Ok(())
}

pub(super) fn missing(path: &str, kind: &str, name: &str, unit: &Unit) -> Cannot {
    Cannot::start(format!("{path}: {kind} {name} is not in namespace {}", unit.namespace))
}

fn missing_key(path: &str, kind: &str, name: &str, key: &str) -> Cannot {
    Cannot::start(format!("{path}: {kind} {name} has no key {key}"))
}

async fn source_value(
    planner: &Planner<'_>,
    unit: &Unit,
    container: &Container,
    source: &EnvVarSource,
    path: &str,
) -> Result<Option<String>, Cannot> {
    if let Some(selector) = &source.field_ref {
        return field(unit, selector).map(Some).map_err(|e| Cannot::start(format!("{path}.valueFrom.fieldRef: {e}")));
    }
    if let Some(selector) = &source.resource_field_ref {
        return resource(unit, container, selector)
            .map(Some)
            .map_err(|e| Cannot::start(format!("{path}.valueFrom.resourceFieldRef: {e}")));
    }
    if let Some(selector) = &source.config_map_key_ref {
        let path = format!("{path}.valueFrom.configMapKeyRef");
        let optional = selector.optional == Some(true);
        return match planner.config_map(unit, &selector.name).await? {
            None if optional => Ok(None),
            None => Err(missing(&path, "ConfigMap", &selector.name, unit)),
            Some(map) => match map.data.get(&selector.key) {
                Some(value) => Ok(Some(value.clone())),
                None if optional => Ok(None),
                None => Err(missing_key(&path, "ConfigMap", &selector.name, &selector.key)),
            },
        };
    }
    if let Some(selector) = &source.secret_key_ref {
        let path = format!("{path}.valueFrom.secretKeyRef");
        let optional = selector.optional == Some(true);
        return match planner.secret(unit, &selector.name).await? {
            None if optional => Ok(None),
            None => Err(missing(&path, "Secret", &selector.name, unit)),
            Some(secret) => match secret.data.get(&selector.key) {
                Some(value) => Ok(Some(String::from_utf8_lossy(value.expose_secret()).into_owned())),
                None if optional => Ok(None),
                None => Err(missing_key(&path, "Secret", &selector.name, &selector.key)),
            },
        };
    }
    Err(Cannot::start(format!("{path}.valueFrom: names no source that this runner has")))
}

/// A field of the pod (`fieldRef`).
pub(super) fn field(unit: &Unit, selector: &ObjectFieldSelector) -> Result<String, String> {
    let quoted =
        |list: &[(String, String)]| list.iter().map(|(k, v)| format!("{k}={v:?}")).collect::<Vec<_>>().join("\n");
    let keyed = |list: &[(String, String)], rest: &str| {
        let key = rest.strip_prefix("['").and_then(|r| r.strip_suffix("']"))?;
        Some(list.iter().find(|(k, _)| k == key).map_or_else(String::new, |(_, v)| v.clone()))
    };
    let path = selector.field_path.as_str();
    Ok(match path {
        "metadata.name" => unit.pod_name.to_string(),
        "metadata.namespace" => unit.namespace.to_string(),
        "metadata.uid" => pod_uid(unit),
        "metadata.labels" => quoted(&unit.labels),
        "metadata.annotations" => quoted(&unit.annotations),
        "spec.nodeName" => host_name(),
        "spec.serviceAccountName" => match unit.template.service_account_name.as_str() {
            "" => "default".to_owned(),
            name => name.to_owned(),
        },
        "status.podIP" | "status.podIPs" => ADDRESS_TOKEN.to_owned(),
        "status.hostIP" | "status.hostIPs" => super::network::machine_address(),
        _ => {
            let label = path.strip_prefix("metadata.labels").and_then(|rest| keyed(&unit.labels, rest));
            let annotation = path.strip_prefix("metadata.annotations").and_then(|rest| keyed(&unit.annotations, rest));
            label
                .or(annotation)
                .ok_or_else(|| format!("{path} is not a field of a pod that a container may ask for"))?
        }
    })
}

/// The machine's name.
pub(crate) fn host_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// A limit or request (`resourceFieldRef`).
pub(super) fn resource(unit: &Unit, own: &Container, selector: &ResourceFieldSelector) -> Result<String, String> {
    let container = match selector.container_name.as_str() {
        "" => own,
        name => find(unit, name).ok_or_else(|| format!("there is no container {name}"))?,
    };
    let (list, resource) = selector.resource.split_once('.').ok_or("resource must be limits.… or requests.…")?;
    let resources = container.resources.as_deref();
    let limit = resources.and_then(|r| r.limits.get(resource));
    let found = match list {
        "limits" => limit,
        "requests" => resources.and_then(|r| r.requests.get(resource)).or(limit),
        _ => return Err("resource must be limits.… or requests.…".to_owned()),
    };
    let text = |e: model::values::QuantityError| e.to_string();
    let cpu = resource == "cpu";
    // In thousandths for CPU, in whole units for all else.
    let amount = match found {
        Some(quantity) if cpu => quantity.millis().map_err(text)?,
        Some(quantity) => quantity.units().map_err(text)?,
        None if list == "requests" => 0,
        None if cpu => machine_cpus() * 1000,
        None => machine_memory(),
    };
    let divisor = match &selector.divisor {
        Some(divisor) if cpu => divisor.millis().map_err(text)?,
        Some(divisor) => divisor.units().map_err(text)?,
        None => 0,
    };
    let divisor = match divisor {
        0 if cpu => 1000,
        0 => 1,
        d => d,
    };
    Ok((amount.div_euclid(divisor) + i64::from(amount.rem_euclid(divisor) != 0)).to_string())
}

fn find<'a>(unit: &'a Unit, name: &str) -> Option<&'a Container> {
    let template = &unit.template;
    let users = template.init_containers.iter().chain(&template.sidecars).map(|u| &u.container);
    let set = template.container_set.iter().flat_map(|s| s.containers.iter().map(|n| &n.container));
    let main = template.container.as_deref().or_else(|| template.script.as_deref().map(|s| &s.container));
    users.chain(set).find(|c| c.name == name).or_else(|| main.filter(|_| name == "main"))
}

fn machine_cpus() -> i64 {
    std::thread::available_parallelism().map_or(1, |n| i64::try_from(n.get()).unwrap_or(1))
}

fn machine_memory() -> i64 {
    let info = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let total = info.lines().find_map(|l| l.strip_prefix("MemTotal:")?.trim().strip_suffix(" kB")?.parse::<i64>().ok());
    total.unwrap_or(0) * 1024
}

/// Replaces `$(NAME)` by a variable's value; `$$` is a `$`; a name that is not set stays as it is written.
pub(super) fn expand(text: &str, env: &[(String, String)]) -> String {
    if !text.contains('$') {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        let (before, from) = rest.split_at(at);
        out.push_str(before);
        let after = from.get(1..).unwrap_or_default();
        if let Some(tail) = after.strip_prefix('$') {
            out.push('$');
            rest = tail;
        } else if let Some((name, tail)) = after.strip_prefix('(').and_then(|r| r.split_once(')')) {
            match env.iter().find(|(n, _)| n == name) {
                Some((_, value)) => out.push_str(value),
                None => {
                    out.push_str("$(");
                    out.push_str(name);
                    out.push(')');
                }
            }
            rest = tail;
        } else {
            out.push('$');
            rest = after;
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::expand;

    #[test]
    fn references_as_kubernetes_has_them() {
        let env = [("A".to_owned(), "1".to_owned()), ("B".to_owned(), "$(A)".to_owned())];
        for (text, expect) in [
            ("plain", "plain"),
            ("$(A)", "1"),
            ("x$(A)y$(A)", "x1y1"),
            ("$$(A)", "$(A)"),
            ("$$$(A)", "$1"),
            ("$(MISSING)", "$(MISSING)"),
            ("$(B)", "$(A)"),
            ("$A $( $(A", "$A $( $(A"),
            ("cost: 5$", "cost: 5$"),
        ] {
            assert_eq!(expand(text, &env), expect, "{text}");
        }
    }
}
