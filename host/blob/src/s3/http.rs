//! The SDK's HTTP by `egress`.

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use egress::{Client, EgressError, Limits};
use http_body_util::BodyExt;

/// An HTTP client for the SDK whose connections pass the guard.
#[derive(Clone)]
pub(super) struct Guarded(pub(super) Client);

impl std::fmt::Debug for Guarded {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        to.write_str("Guarded")
    }
}

impl HttpClient for Guarded {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Guarded {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let client = self.0.clone();
        HttpConnectorFuture::new(async move {
            let request = request.try_into_http1x().map_err(|error| ConnectorError::user(error.into()))?;
            let request = request.map(BodyExt::boxed_unsync);
            match client.send(request, Limits::default()).await {
                Ok(answer) => {
                    let answer = answer.map(SdkBody::from_body_1_x);
                    HttpResponse::try_from(answer).map_err(|error| ConnectorError::other(error.into(), None))
                }
                Err(error @ EgressError::TimedOut { .. }) => Err(ConnectorError::timeout(error.into())),
                Err(error) if error.is_transient() => Err(ConnectorError::io(error.into())),
                Err(error) => Err(ConnectorError::user(error.into())),
            }
        })
    }
}
