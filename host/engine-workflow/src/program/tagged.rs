//! A leaf's template with its tags found once, to be filled in for each node.
//!
//! The template is held as a tree of JSON values. Substituting replaces whole strings of that tree; the text of the document is never parsed again,
//! so that a value can be nothing but the string it stands in.

use std::sync::Arc;

use model::workflow::Template;
use serde_json::Value;

/// A template and the strings in it that have tags.
pub struct Tagged {
    whole: Arc<Template>,
    tree: Value,
    strings: Vec<TaggedString>,
}

/// A string with tags and its place.
pub struct TaggedString {
    path: Box<[Step]>,
    source: Box<str>,
    /// Its tags.
    pub template: Result<expr::Template, Box<expr::Error>>,
    /// Whether it holds an expression: its value is recorded when the node starts, because it need not be the same twice.
    pub expression: bool,
}

impl TaggedString {
    /// The text as written.
    pub fn source(&self) -> &str {
        &self.source
    }
}

#[derive(Debug, Clone)]
enum Step {
    Field(Box<str>),
    Index(usize),
}

impl Tagged {
    /// Finds the tags of a leaf template. `skip` names top-level fields that are not substituted here (inputs, outputs).
    pub fn new(template: &Arc<Template>, skip: &[&str]) -> Result<Self, serde_json::Error> {
        let tree = serde_json::to_value(&**template)?;
        let mut strings = Vec::new();
        if let Value::Object(fields) = &tree {
            for (name, value) in fields {
                if !skip.contains(&name.as_str()) {
                    let mut path = vec![Step::Field(name.as_str().into())];
                    find(value, &mut path, &mut strings);
                }
            }
        }
        let tree = if strings.is_empty() { Value::Null } else { tree };
        Ok(Self { whole: template.clone(), tree, strings })
    }

    /// The strings with tags, in a fixed order.
    pub fn strings(&self) -> &[TaggedString] {
        &self.strings
    }

    /// The template with the strings replaced; the template itself when it has no tags.
    pub fn fill(
        &self,
        mut text: impl FnMut(usize, &TaggedString) -> String,
    ) -> Result<Arc<Template>, serde_json::Error> {
        if self.strings.is_empty() {
            return Ok(self.whole.clone());
        }
        let mut tree = self.tree.clone();
        for (i, string) in self.strings.iter().enumerate() {
            if let Some(slot) = slot(&mut tree, &string.path) {
                *slot = Value::String(text(i, string));
            }
        }
        serde_json::from_value(tree).map(Arc::new)
    }

    /// Where a string stands, as people write it: `container.args[1]`.
    pub fn path(&self, index: usize) -> String {
        let mut out = String::new();
        for step in self.strings.get(index).map(|s| &*s.path).unwrap_or_default() {
            match step {
                Step::Field(name) if out.is_empty() => out.push_str(name),
                Step::Field(name) => {
                    out.push('.');
                    out.push_str(name);
                }
                Step::Index(i) => out.push_str(&format!("[{i}]")),
            }
        }
        out
    }
}

fn find(value: &Value, path: &mut Vec<Step>, out: &mut Vec<TaggedString>) {
    match value {
        Value::String(text) if text.contains("{{") => {
            let template = expr::Template::parse(text);
            if template.as_ref().is_ok_and(expr::Template::is_static) {
                return;
            }
            let expression = text.contains("{{=");
            out.push(TaggedString {
                path: path.clone().into(),
                source: text.as_str().into(),
                template: template.map_err(Box::new),
                expression,
            });
        }
        Value::Array(items) => {
            for (i, item) in items.iter().enumerate() {
                path.push(Step::Index(i));
                find(item, path, out);
                path.pop();
            }
        }
        Value::Object(fields) => {
            for (name, item) in fields {
                path.push(Step::Field(name.as_str().into()));
                find(item, path, out);
                path.pop();
            }
        }
        _ => {}
    }
}

fn slot<'a>(tree: &'a mut Value, path: &[Step]) -> Option<&'a mut Value> {
    path.iter().try_fold(tree, |at, step| match step {
        Step::Field(name) => at.get_mut(&**name),
        Step::Index(i) => at.get_mut(*i),
    })
}
