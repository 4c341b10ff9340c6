//! The one way to the ports: a call is let through by the authorizer, for one kind in one namespace, or refused.

use std::sync::Arc;
use std::time::SystemTime;

use artifact::Artifacts;
use runtime::control::Control;
use store::objects::{Gvk, Key, Objects};
use tokio_util::sync::CancellationToken;
use tonic::Code;

use proto_gen::v1::Fault;

use crate::access::{Asked, Decision, On};
use crate::admission::Admission;
use crate::call::Call;
use crate::failure::{Failure, Outcome};
use crate::kinds::{KindRef, Kinds};
use crate::settings::{Deps, Limits};

/// Guards the ports.
#[derive(Clone)]
pub(crate) struct Gate(Arc<Inner>);

struct Inner {
    deps: Deps,
    admission: Admission,
    started: SystemTime,
    stopping: CancellationToken,
}

impl Gate {
    pub(crate) fn new(deps: Deps, stopping: CancellationToken) -> Self {
        let admission = Admission::new(deps.admission.clone());
        Self(Arc::new(Inner { deps, admission, started: SystemTime::now(), stopping }))
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.0.deps.limits
    }

    pub(crate) fn about(&self) -> &crate::settings::About {
        &self.0.deps.about
    }

    pub(crate) fn started(&self) -> SystemTime {
        self.0.started
    }

    pub(crate) fn authenticator(&self) -> &dyn crate::access::Authenticator {
        &*self.0.deps.authenticator
    }

    pub(crate) fn authorizer(&self) -> &dyn crate::access::Authorizer {
        &*self.0.deps.authorizer
    }

    /// Ends streams when the server goes down.
    pub(crate) fn stopping(&self) -> &CancellationToken {
        &self.0.stopping
    }

    /// The namespace a request means.
    pub(crate) fn namespace<'a>(&'a self, asked: &'a str) -> &'a str {
        if asked.is_empty() { &self.0.deps.about.default_namespace } else { asked }
    }

    /// The kind that a request names. Kinds are no secret: this needs no permission.
    pub(crate) async fn kind(&self, api_version: &str, kind: &str) -> Outcome<KindRef> {
        Kinds(&*self.0.deps.objects).find(api_version, kind).await
    }

    /// All kinds.
    pub(crate) async fn kinds(&self) -> Outcome<Vec<KindRef>> {
        Kinds(&*self.0.deps.objects).all().await
    }

    /// Lets a call through to one namespace, for the kind of its table row.
    pub(crate) fn pass(&self, call: &Call, namespace: &str) -> Outcome<Grant> {
        let On::Kind(resource) = call.rule().on else {
            return Err(Failure::internal("the call has no kind in the table", call.rpc().name()));
        };
        let namespace = self.namespace(namespace);
        self.check(call, call.rule().verb, resource, Some(namespace), false)?;
        Ok(self.grant(call, namespace))
    }

    /// Lets a call through to the cluster, for the kind of its table row, which has no namespaces.
    pub(crate) fn pass_cluster(&self, call: &Call) -> Outcome<Grant> {
        let On::Kind(resource) = call.rule().on else {
            return Err(Failure::internal("the call has no kind in the table", call.rpc().name()));
        };
        self.check(call, call.rule().verb, resource, Some(""), true)?;
        Ok(self.grant(call, ""))
    }

    /// Lets a call through to one namespace (or the cluster), for the kind that the request names.
    pub(crate) fn pass_kind(&self, call: &Call, kind: &KindRef, namespace: &str) -> Outcome<Grant> {
        let namespace = if kind.namespaced { self.namespace(namespace) } else { "" };
        self.check(call, call.rule().verb, &kind.plural, Some(namespace), !kind.namespaced)?;
        Ok(self.grant(call, namespace))
    }

    /// Lets a list or watch through to one namespace, or to all of them when none is named and the caller may see all (or to the only one it may see).
    pub(crate) fn pass_list(&self, call: &Call, kind: &KindRef, namespace: &str) -> Outcome<Grant> {
        let verb = call.rule().verb;
        if !kind.namespaced {
            self.check(call, verb, &kind.plural, Some(""), true)?;
            return Ok(self.grant(call, ""));
        }
        if !namespace.is_empty() {
            self.check(call, verb, &kind.plural, Some(namespace), false)?;
            return Ok(self.grant(call, namespace));
        }
        match self.0.deps.authorizer.namespaces(call.identity(), verb, &kind.plural) {
            None => Ok(self.grant(call, "")),
            Some(namespaces) => match namespaces.as_slice() {
                [only] => Ok(self.grant(call, only)),
                [] => Err(denied(call, verb, &kind.plural, None)),
                several => Err(denied(call, verb, &kind.plural, None).hint(format!(
                    "name a namespace; you may {verb} {} in {}",
                    kind.plural,
                    several.join(", ")
                ))),
            },
        }
    }

    fn grant(&self, call: &Call, namespace: &str) -> Grant {
        Grant { gate: self.clone(), call: call.clone(), namespace: namespace.into() }
    }

    fn check(
        &self,
        call: &Call,
        verb: &str,
        resource: &str,
        namespace: Option<&str>,
        cluster_scoped: bool,
    ) -> Outcome<()> {
        let asked = Asked { verb, resource, namespace, cluster_scoped };
        match self.0.deps.authorizer.decide(call.identity(), &asked) {
            Decision::Allowed { .. } => Ok(()),
            Decision::Denied => Err(denied(call, verb, resource, namespace)),
        }
    }
}

fn denied(call: &Call, verb: &str, resource: &str, namespace: Option<&str>) -> Failure {
    let user = &call.identity().user;
    let place = match namespace {
        Some("") => " in the cluster".to_owned(),
        Some(namespace) => format!(" in namespace {namespace}"),
        None => " in all namespaces".to_owned(),
    };
    let message = format!("{user} may not {verb} {resource}{place}");
    Failure::new(Code::PermissionDenied, "Forbidden", Fault::Caller, message)
        .about(if call.subject().is_empty() { resource } else { call.subject() })
        .hint(format!("ask for a role that has the verb `{verb}` on `{resource}`; WhoAmI tells what you may"))
}

/// A call that was let through to a namespace (empty: all of them, or the cluster). The only holder of the ports.
#[derive(Clone)]
pub(crate) struct Grant {
    gate: Gate,
    call: Call,
    namespace: Arc<str>,
}

impl Grant {
    pub(crate) fn objects(&self) -> &dyn Objects {
        &*self.gate.0.deps.objects
    }

    pub(crate) fn shared_objects(&self) -> Arc<dyn Objects> {
        self.gate.0.deps.objects.clone()
    }

    pub(crate) fn control(&self) -> &dyn Control {
        &*self.gate.0.deps.control
    }

    pub(crate) fn shared_control(&self) -> Arc<dyn Control> {
        self.gate.0.deps.control.clone()
    }

    pub(crate) fn artifacts(&self) -> &dyn Artifacts {
        &*self.gate.0.deps.artifacts
    }

    pub(crate) fn repositories(&self) -> &dyn crate::settings::Repositories {
        &*self.gate.0.deps.repositories
    }

    pub(crate) fn schedules(&self) -> &dyn crate::settings::Schedules {
        &*self.gate.0.deps.schedules
    }

    pub(crate) fn plugins(&self) -> &dyn plugin::Desk {
        &*self.gate.0.deps.plugins
    }

    pub(crate) fn fetch(&self) -> &dyn plugin::Fetch {
        &*self.gate.0.deps.fetch
    }

    pub(crate) fn admission(&self) -> &Admission {
        &self.gate.0.admission
    }

    pub(crate) fn call(&self) -> &Call {
        &self.call
    }

    pub(crate) fn limits(&self) -> &Limits {
        self.gate.limits()
    }

    /// The namespace; empty: all, or the cluster.
    pub(crate) fn namespace(&self) -> &str {
        &self.namespace
    }

    /// The namespace as a selector has it.
    pub(crate) fn namespace_selector(&self) -> Option<Arc<str>> {
        (!self.namespace.is_empty()).then(|| self.namespace.clone())
    }

    /// An object of a kind in this namespace, and what the audit line says.
    pub(crate) fn key(&self, kind: &KindRef, name: &str) -> Outcome<Key> {
        if name.is_empty() {
            return Err(Failure::field("name", "is required"));
        }
        let key = Key::new(Gvk::new(&*kind.api_version, &*kind.kind), self.namespace.clone(), name);
        self.call.about(|| key.to_string());
        Ok(key)
    }

    /// Asks for one more permission in this namespace.
    pub(crate) fn also(&self, verb: &str, kind: &KindRef) -> Outcome<()> {
        let namespace = if kind.namespaced { &*self.namespace } else { "" };
        self.gate.check(
            &self.call,
            verb,
            &kind.plural,
            (!namespace.is_empty() || !kind.namespaced).then_some(namespace),
            !kind.namespaced,
        )
    }

    /// Whether Secrets may be shown to this call.
    pub(crate) fn reveals(&self, kind: &KindRef, asked: bool) -> Outcome<bool> {
        if !asked || !kind.is_secret() {
            return Ok(false);
        }
        self.also("reveal", kind)?;
        Ok(true)
    }

    /// The same call, let through to another namespace by the same row.
    pub(crate) fn elsewhere(&self, namespace: &str) -> Outcome<Self> {
        self.gate.pass(&self.call, namespace)
    }
}
