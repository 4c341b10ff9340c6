//! Where there are no plugins.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use serde_json::Value;

use crate::{
    CallContext, Desk, ErrorClass, Facts, Finding, Info, Kind, LogLine, MetricProvider, Numbers, PluginError, Plugins,
    Receiver, Renderer, Result, Step, Subscriber, Trigger,
};

/// Has no plugin, whatever its name, and cannot look at components.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoPlugins;

fn none<T>(name: &str) -> Result<T> {
    let message = format!("there is no plugin {name}: this server runs none");
    Err(PluginError::new(ErrorClass::NotFound, "no-plugin", message))
}

impl Plugins for NoPlugins {
    fn metric_provider(&self, name: &str) -> Result<Arc<dyn MetricProvider>> {
        none(name)
    }

    fn renderer(&self, name: &str) -> Result<Arc<dyn Renderer>> {
        none(name)
    }

    fn subscriber(&self, name: &str) -> Result<Arc<dyn Subscriber>> {
        none(name)
    }

    fn receiver(&self, name: &str) -> Result<Arc<dyn Receiver>> {
        none(name)
    }

    fn trigger(&self, name: &str) -> Result<Arc<dyn Trigger>> {
        none(name)
    }

    fn step(&self, name: &str) -> Result<Arc<dyn Step>> {
        none(name)
    }

    fn info(&self, name: &str) -> Result<Arc<Info>> {
        none(name)
    }
}

#[async_trait]
impl Desk for NoPlugins {
    fn names(&self) -> Vec<Arc<str>> {
        Vec::new()
    }

    fn report(&self, name: &str) -> Result<(Facts, Numbers)> {
        none(name)
    }

    async fn inspect(&self, _: Bytes) -> Result<Facts> {
        Err(PluginError::new(ErrorClass::Permanent, "no-plugins", "this server runs no plugins"))
    }

    fn schema_findings(&self, _: &str, _: Kind, _: &Value) -> Vec<Finding> {
        Vec::new()
    }

    async fn check_config(&self, name: &str, _: Kind, _: &CallContext, _: &Value) -> Result<Vec<Finding>> {
        none(name)
    }

    fn logs(&self, name: &str, _: bool) -> Result<BoxStream<'static, LogLine>> {
        none(name)
    }
}
