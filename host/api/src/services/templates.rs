//! `Templates`: rows, and what a template asks of who submits it.

use model::Object;
use proto_gen::v1::templates_server::Templates;
use proto_gen::v1::*;
use serde::Deserialize;
use serde_json::value::RawValue;
use store::objects::{Key, ListQuery};
use tonic::{Request, Response, Status};

use super::workflows::some;
use crate::call::Call;
use crate::failure::{Failure, Outcome};
use crate::gate::Gate;
use crate::kinds::{CLUSTER_WORKFLOW_TEMPLATE, CRON_WORKFLOW, WORKFLOW_TEMPLATE};
use crate::{document, linting, pages, selector, submit, summary};

/// The service.
#[derive(Clone)]
pub(crate) struct TemplatesService(pub(crate) Gate);

#[tonic::async_trait]
impl Templates for TemplatesService {
    async fn list(&self, request: Request<ListTemplatesRequest>) -> Result<Response<ListTemplatesResponse>, Status> {
        let (call, request) = Call::of(request)?;
        let kind = if request.cluster_scope { CLUSTER_WORKFLOW_TEMPLATE } else { WORKFLOW_TEMPLATE };
        let grant = self.0.pass_list(&call, &kind, &request.namespace)?;
        let query = ListQuery {
            selector: selector::of(&grant, &kind, request.selector.as_ref())?,
            limit: Some(self.0.limits().page(request.limit)),
            continue_token: some(request.continue_token),
            ..ListQuery::default()
        };
        let row_size = |object: &Object| store::codec::size_of_metadata(&object.metadata) + (16 << 10);
        let page = pages::fitting(grant.objects(), query, self.0.limits(), row_size).await?;
        Ok(Response::new(ListTemplatesResponse {
            templates: page.items.iter().map(|object| summary::template(object)).collect(),
            continue_token: page.continue_token.unwrap_or_default(),
            revision: page.revision,
        }))
    }

    async fn describe(
        &self,
        request: Request<DescribeTemplateRequest>,
    ) -> Result<Response<DescribeTemplateResponse>, Status> {
        let (call, request) = Call::of(request)?;
        let source = request.source.ok_or_else(|| Failure::field("source", "is required"))?;
        let kind = submit::kind_of(source.kind())?;
        let grant = self.0.pass_kind(&call, &kind, &request.namespace)?;
        if source.name.is_empty() {
            return Err(Failure::field("source.name", "is required").into());
        }
        let object = grant.objects().get(&Key::new(kind.gvk(), grant.namespace(), source.name.as_str())).await;
        let object = object.map_err(Failure::from)?;
        Ok(Response::new(describe(&object, kind == CRON_WORKFLOW)?))
    }

    async fn lint(&self, request: Request<LintRequest>) -> Result<Response<LintResponse>, Status> {
        let (call, request) = Call::of(request)?;
        let grant = self.0.pass(&call, &request.namespace)?;
        Ok(Response::new(linting::lint(&grant, &request).await?))
    }
}

#[derive(Deserialize, Default)]
struct Body {
    #[serde(default)]
    spec: Option<Box<RawValue>>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct CronBody {
    #[serde(default)]
    workflow_spec: Option<Box<RawValue>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Spec {
    entrypoint: Option<String>,
    arguments: Option<Inputs>,
    templates: Option<Vec<Template>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Inputs {
    parameters: Option<Vec<model::workflow::Parameter>>,
    artifacts: Option<Vec<Named>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Named {
    name: String,
}

/// Of a template: its name, inputs, and which of the kinds' fields it has.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Template {
    name: String,
    inputs: Option<Inputs>,
    #[serde(flatten)]
    rest: std::collections::BTreeMap<String, serde::de::IgnoredAny>,
}

/// The kinds of templates, by the field that makes them one.
const TEMPLATE_KINDS: &[&str] =
    &["container", "script", "steps", "dag", "suspend", "resource", "http", "data", "containerSet", "plugin"];

fn describe(object: &Object, cron: bool) -> Outcome<DescribeTemplateResponse> {
    let unreadable = |error: serde_json::Error| {
        Failure::precondition(&document::describe(object), format!("its spec cannot be read: {error}"))
    };
    let body: Body = serde_json::from_str(object.body.get()).map_err(unreadable)?;
    let mut spec = body.spec;
    if let (true, Some(outer)) = (cron, &spec) {
        spec = serde_json::from_str::<CronBody>(outer.get()).map_err(unreadable)?.workflow_spec;
    }
    let spec: Spec = match &spec {
        Some(spec) => serde_json::from_str(spec.get()).map_err(unreadable)?,
        None => Spec::default(),
    };
    let entrypoint = spec.entrypoint.unwrap_or_default();
    let arguments = spec.arguments.unwrap_or_default();
    let mut row = summary::template(object);
    row.entrypoint.clone_from(&entrypoint);
    let entrypoints = spec.templates.unwrap_or_default().into_iter().map(|template| EntrypointInfo {
        name: template.name,
        r#type: TEMPLATE_KINDS
            .iter()
            .find(|kind| template.rest.contains_key(**kind))
            .map(|kind| (*kind).to_owned())
            .unwrap_or_default(),
        parameters: parameters(template.inputs.unwrap_or_default().parameters),
    });
    let entrypoints: Vec<EntrypointInfo> = entrypoints.collect();
    row.templates = entrypoints.iter().map(|each| each.name.clone()).collect();
    Ok(DescribeTemplateResponse {
        summary: Some(row),
        parameters: parameters(arguments.parameters),
        artifacts: arguments.artifacts.unwrap_or_default().into_iter().map(|artifact| artifact.name).collect(),
        entrypoints,
    })
}

fn parameters(given: Option<Vec<model::workflow::Parameter>>) -> Vec<ParameterInfo> {
    let info = |parameter: model::workflow::Parameter| {
        let has_value = parameter.value.is_some() || parameter.default.is_some() || parameter.value_from.is_some();
        let value = parameter.value.or(parameter.default);
        ParameterInfo {
            name: parameter.name.into(),
            value: value.map(|value| value.to_string()).unwrap_or_default(),
            has_value,
            r#enum: parameter.r#enum.unwrap_or_default().iter().map(ToString::to_string).collect(),
            description: parameter.description.map(String::from).unwrap_or_default(),
        }
    };
    given.unwrap_or_default().into_iter().map(info).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Limits;

    #[test]
    fn what_a_template_asks_for() {
        let text = serde_json::json!({
            "apiVersion": "argoproj.io/v1alpha1", "kind": "WorkflowTemplate", "metadata": {"name": "t"},
            "spec": {
                "entrypoint": "main",
                "arguments": {
                    "parameters": [
                        {"name": "who", "enum": ["a", 2], "description": "whom to greet"},
                        {"name": "n", "value": 3},
                        {"name": "c", "valueFrom": {"configMapKeyRef": {"name": "c", "key": "k"}}}
                    ],
                    "artifacts": [{"name": "in"}]
                },
                "templates": [
                    {"name": "main", "steps": [[{"name": "a", "template": "b"}]]},
                    {"name": "b", "inputs": {"parameters": [{"name": "x", "default": "y"}]}, "container": {"image": "i"}}
                ]
            }
        });
        let object = document::parse(text.to_string().as_bytes(), &Limits::default()).unwrap();
        let told = describe(&object, false).unwrap();
        let asked: Vec<(&str, &str, bool)> =
            told.parameters.iter().map(|p| (p.name.as_str(), p.value.as_str(), p.has_value)).collect();
        assert_eq!(asked, [("who", "", false), ("n", "3", true), ("c", "", true)]);
        assert_eq!(told.parameters[0].r#enum, ["a", "2"]);
        assert_eq!(told.artifacts, ["in"]);
        let kinds: Vec<(&str, &str)> = told.entrypoints.iter().map(|e| (e.name.as_str(), e.r#type.as_str())).collect();
        assert_eq!(kinds, [("main", "steps"), ("b", "container")]);
        assert_eq!(told.entrypoints[1].parameters[0].value, "y");
    }
}
