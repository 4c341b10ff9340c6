//! `Info`: the server and the caller.

use std::time::{SystemTime, UNIX_EPOCH};

use proto_gen::v1::info_server::Info;
use proto_gen::v1::*;
use tonic::{Request, Response, Status};

use crate::access::{Asked, Decision};
use crate::call::Call;
use crate::failure::{Failure, Outcome};
use crate::gate::Gate;

/// The service.
#[derive(Clone)]
pub(crate) struct InfoService(pub(crate) Gate);

fn ms(at: SystemTime) -> i64 {
    at.duration_since(UNIX_EPOCH).map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

#[tonic::async_trait]
impl Info for InfoService {
    async fn get_server_info(
        &self,
        request: Request<GetServerInfoRequest>,
    ) -> Result<Response<GetServerInfoResponse>, Status> {
        Call::of(request)?;
        let about = self.0.about();
        let services =
            ["resources", "workflows", "templates", "cron", "archive", "logs", "artifacts", "plugins", "info"];
        let limits = self.0.limits().told().into_iter().map(|(name, value, description)| Limit {
            name: name.to_owned(),
            value,
            description: description.to_owned(),
        });
        let links = about.links.iter().map(|(name, scope, url)| Link {
            name: name.clone(),
            scope: scope.clone(),
            url: url.clone(),
        });
        Ok(Response::new(GetServerInfoResponse {
            version: about.version.clone(),
            commit: about.commit.clone(),
            api_version: "colchis.v1".to_owned(),
            capabilities: services.iter().map(|s| (*s).to_owned()).chain(about.capabilities.iter().cloned()).collect(),
            limits: limits.collect(),
            default_namespace: about.default_namespace.clone(),
            started_ms: ms(self.0.started()),
            now_ms: ms(SystemTime::now()),
            links: links.collect(),
            platform: format!("{}/{}", std::env::consts::OS, std::env::consts::ARCH),
        }))
    }

    async fn who_am_i(&self, request: Request<WhoAmIRequest>) -> Result<Response<WhoAmIResponse>, Status> {
        let (call, _) = Call::of(request)?;
        let identity = call.identity();
        let rules = self.0.authorizer().rules(identity).into_iter().map(|rule| AccessRule {
            verbs: rule.verbs,
            resources: rule.resources,
            namespaces: rule.namespaces,
            role: rule.role,
        });
        Ok(Response::new(WhoAmIResponse {
            user: identity.user.to_string(),
            groups: identity.groups.to_vec(),
            authenticator: identity.authenticator.to_owned(),
            rules: rules.collect(),
        }))
    }

    async fn check_access(
        &self,
        request: Request<CheckAccessRequest>,
    ) -> Result<Response<CheckAccessResponse>, Status> {
        let (call, request) = Call::of(request)?;
        let answer = self.decide(&call, &request).await?;
        Ok(Response::new(answer))
    }
}

impl InfoService {
    async fn decide(&self, call: &Call, request: &CheckAccessRequest) -> Outcome<CheckAccessResponse> {
        if !crate::access::VERBS.contains(&request.verb.as_str()) {
            let verbs = crate::access::VERBS.join(", ");
            return Err(Failure::field("verb", format!("`{}` is none of {verbs}", request.verb)));
        }
        let kind = self.0.kind("", &request.resource).await?;
        let asked = Asked {
            verb: &request.verb,
            resource: &kind.plural,
            namespace: (!request.namespace.is_empty()).then_some(request.namespace.as_str()),
            cluster_scoped: !kind.namespaced,
        };
        Ok(match self.0.authorizer().decide(call.identity(), &asked) {
            Decision::Allowed { role } => {
                CheckAccessResponse { allowed: true, reason: format!("the role {role} allows it") }
            }
            Decision::Denied => {
                let reason =
                    format!("no role of {} has the verb {} on {}", call.identity().user, request.verb, kind.plural);
                CheckAccessResponse { allowed: false, reason }
            }
        })
    }
}
