//! Where there are no plugins.

use std::sync::Arc;

use crate::{
    ErrorClass, Info, MetricProvider, PluginError, Plugins, Receiver, Renderer, Result, Step, Subscriber, Trigger,
};

/// No plugin, whatever its name.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoPlugins;

fn none<T: ?Sized>(name: &str) -> Result<Arc<T>> {
    Err(PluginError::new(ErrorClass::NotFound, "no-plugin", format!("there is no plugin {name}: this server has none")))
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
