//! How steps go: the actor of a rehearsal, and what it remembers.
//!
//! ```text
//!   a step begins ──► the first entry that fits ──► its first, second, … outcome ──► defaults filled in ──► how it goes
//!                          none: goes well, or (strict) cannot be run          every step is remembered as a Call
//! ```

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::time::Instant;

use super::naming::Names;
use super::pattern::fits;
use crate::host::{Actor, StepFacts, StepOutcome};

/// Steps that one case may run (`calls_max`): a run that never ends would fill the memory.
pub const CALLS_MAX: usize = 200_000;

/// Which steps; everything that is given must fit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Which {
    /// The template.
    pub template: Option<String>,
    /// The node.
    pub node: Option<String>,
    /// Input parameters by name.
    pub parameters: BTreeMap<String, String>,
    /// The method of a request.
    pub method: Option<String>,
    /// The URL of a request.
    pub url: Option<String>,
    /// The body of a request.
    pub body: Option<String>,
}

impl Which {
    /// Whether a step is meant.
    pub fn means(&self, facts: &StepFacts) -> bool {
        self.misses(facts).is_none()
    }

    /// What keeps a step from being meant, in words; nothing when it is meant.
    pub fn misses(&self, facts: &StepFacts) -> Option<String> {
        let names = Names::of(&facts.workflow, &facts.node);
        if let Some(template) = self.template.as_ref().filter(|pattern| !fits(pattern, &facts.template)) {
            return Some(format!("template {:?} is not {template:?}", facts.template));
        }
        if let Some(node) = self.node.as_ref().filter(|pattern| !names.belongs_to(pattern)) {
            return Some(format!("node {:?} is not {node:?}", names.display));
        }
        for (name, pattern) in &self.parameters {
            match facts.parameters.get(name) {
                Some(value) if fits(pattern, value) => {}
                Some(value) => return Some(format!("{name} is {value:?}, not {pattern:?}")),
                None => return Some(format!("there is no parameter {name:?}")),
            }
        }
        let (method, url) = facts.http.as_ref().map_or(("", ""), |(method, url)| (method.as_str(), url.as_str()));
        if self.method.as_ref().is_some_and(|wanted| !wanted.eq_ignore_ascii_case(method)) {
            return Some(format!("the method is {method:?}"));
        }
        if self.url.as_ref().is_some_and(|pattern| !fits(pattern, url)) {
            return Some(format!("the URL is {url:?}"));
        }
        if self.body.as_ref().is_some_and(|pattern| !fits(pattern, &facts.body)) {
            return Some(format!("the body is {:?}", facts.body));
        }
        None
    }
}

/// What the outcomes of an entry follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Follow {
    /// The steps that fit, whichever they are.
    Steps,
    /// The attempts of each step.
    Attempts,
}

/// One entry of `steps`.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Which steps.
    pub which: Which,
    /// How they go, one after the other; the last stays. Never empty.
    pub outcomes: Vec<StepOutcome>,
    /// What they follow.
    pub follow: Follow,
}

/// A step that began.
#[derive(Debug, Clone)]
pub struct Call {
    /// What is known of it.
    pub facts: StepFacts,
    /// When, in the rehearsal's time.
    pub at: Instant,
}

/// What was seen by the actor of a case.
#[derive(Debug, Default)]
pub struct Seen {
    /// All steps, in the order in which they began.
    pub calls: Vec<Call>,
    /// How often each entry decided.
    pub used: Vec<usize>,
    /// Steps of which no entry speaks although all must be spoken of.
    pub unspoken: Vec<StepFacts>,
    /// For [`Follow::Attempts`]: how often each step began, by entry and name.
    attempts: HashMap<(usize, String), usize>,
    /// There were more steps than are counted.
    pub too_many: bool,
}

/// The actor, and where it writes what it saw.
pub fn actor(entries: Vec<Entry>, strict: bool) -> (Actor, Arc<Mutex<Seen>>) {
    let seen = Arc::new(Mutex::new(Seen { used: vec![0; entries.len()], ..Seen::default() }));
    let ours = seen.clone();
    let actor: Actor = Arc::new(move |facts| {
        let mut seen = ours.lock().unwrap_or_else(PoisonError::into_inner);
        decide(&entries, strict, facts, &mut seen)
    });
    (actor, seen)
}

fn decide(entries: &[Entry], strict: bool, facts: &StepFacts, seen: &mut Seen) -> StepOutcome {
    if seen.calls.len() >= CALLS_MAX {
        seen.too_many = true;
        return cannot(format!("more than {CALLS_MAX} steps began (calls_max)"));
    }
    seen.calls.push(Call { facts: facts.clone(), at: Instant::now() });
    let found = entries.iter().enumerate().find(|(_, entry)| entry.which.means(facts));
    let Some((at, entry)) = found else {
        if facts.by_server {
            return StepOutcome { by_server: true, ..StepOutcome::default() };
        }
        if strict {
            seen.unspoken.push(facts.clone());
            return cannot("no entry of `steps` speaks of this step, and the test is strict".to_owned());
        }
        return with_defaults(StepOutcome::default(), facts);
    };
    let before = match (entry.follow, seen.used.get_mut(at)) {
        (Follow::Steps, Some(used)) => {
            *used += 1;
            *used - 1
        }
        (Follow::Attempts, used) => {
            if let Some(used) = used {
                *used += 1;
            }
            let names = Names::of(&facts.workflow, &facts.node);
            let key = (at, format!("{}/{}", facts.workflow, names.without_attempt()));
            let begun = seen.attempts.entry(key).or_default();
            *begun += 1;
            *begun - 1
        }
        (Follow::Steps, None) => 0,
    };
    let outcome = entry.outcomes.get(before).or_else(|| entry.outcomes.last()).cloned().unwrap_or_default();
    with_defaults(outcome, facts)
}

fn cannot(why: String) -> StepOutcome {
    StepOutcome { error: Some(why), ..StepOutcome::default() }
}

/// What a step must leave and the entry does not name: its default, or its name in angle brackets.
fn with_defaults(mut outcome: StepOutcome, facts: &StepFacts) -> StepOutcome {
    outcome.result.get_or_insert_default();
    for (name, default) in &facts.outputs {
        if !outcome.parameters.iter().any(|(given, _)| given == name) {
            outcome.parameters.push((name.clone(), default.clone().unwrap_or_else(|| format!("<{name}>"))));
        }
    }
    outcome
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(node: &str, template: &str, parameters: &[(&str, &str)]) -> StepFacts {
        StepFacts {
            workflow: "wf".into(),
            node: format!("wf.{node}"),
            template: template.into(),
            parameters: parameters.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect(),
            outputs: vec![("digest".into(), None), ("level".into(), Some("low".into()))],
            ..StepFacts::default()
        }
    }

    fn says(result: &str) -> StepOutcome {
        StepOutcome { result: Some(result.into()), ..StepOutcome::default() }
    }

    fn entry(which: Which, outcomes: &[&str], follow: Follow) -> Entry {
        Entry { which, outcomes: outcomes.iter().map(|r| says(r)).collect(), follow }
    }

    fn template(name: &str) -> Which {
        Which { template: Some(name.into()), ..Which::default() }
    }

    /// The results of steps that begin one after the other.
    fn play(entries: Vec<Entry>, steps: &[StepFacts]) -> Vec<String> {
        let (actor, _) = actor(entries, false);
        steps.iter().map(|facts| actor(facts).result.unwrap()).collect()
    }

    #[test]
    fn the_first_entry_that_fits_decides() {
        let by_input = Which { parameters: [("env".to_owned(), "prod*".to_owned())].into(), ..template("deploy") };
        let entries =
            vec![entry(by_input, &["prod"], Follow::Steps), entry(template("deploy"), &["other"], Follow::Steps)];
        let steps =
            [step("a", "deploy", &[("env", "prod-eu")]), step("b", "deploy", &[("env", "test")]), step("c", "x", &[])];
        assert_eq!(play(entries, &steps), ["prod", "other", ""]);
    }

    #[test]
    fn outcomes_follow_steps_or_attempts() {
        let steps = [step("a(0)", "t", &[]), step("b(0)", "t", &[]), step("a(1)", "t", &[]), step("a(2)", "t", &[])];
        let then = vec![entry(template("t"), &["1", "2", "3"], Follow::Steps)];
        assert_eq!(play(then, &steps), ["1", "2", "3", "3"]);
        let retries = vec![entry(template("t"), &["1", "2", "3"], Follow::Attempts)];
        assert_eq!(play(retries, &steps), ["1", "1", "2", "3"]);
    }

    #[test]
    fn what_must_be_left_is_left() {
        let (actor, seen) = actor(Vec::new(), false);
        let outcome = actor(&step("a", "t", &[]));
        let given: Vec<_> = outcome.parameters.iter().map(|(n, v)| format!("{n}={v}")).collect();
        assert_eq!(given, ["digest=<digest>", "level=low"]);
        assert_eq!(seen.lock().unwrap().calls.len(), 1);
    }

    #[test]
    fn a_strict_test_runs_nothing_that_it_does_not_speak_of() {
        let (actor, seen) = actor(vec![entry(template("t"), &["x"], Follow::Steps)], true);
        assert!(actor(&step("a", "t", &[])).error.is_none());
        assert!(actor(&step("b", "u", &[])).error.unwrap().contains("strict"));
        let seen = seen.lock().unwrap();
        assert_eq!((seen.used.as_slice(), seen.unspoken.len()), ([1].as_slice(), 1));
    }

    #[test]
    fn what_keeps_a_step_from_being_meant_is_said() {
        let facts = step("b[0].compile(0:a)(1)", "t", &[("x", "1")]);
        let which = |node: &str, x: &str| Which {
            node: Some(node.into()),
            parameters: [("x".to_owned(), x.to_owned())].into(),
            ..Which::default()
        };
        assert!(which("compile", "1").means(&facts) && which("b[0].compile", "?").means(&facts));
        assert_eq!(which("compile", "2").misses(&facts).unwrap(), r#"x is "1", not "2""#);
        assert_eq!(which("link", "1").misses(&facts).unwrap(), r#"node "compile(0:a)(1)" is not "link""#);
    }
}
