//! Near-misses: "did you mean".

use std::ops::ControlFlow;

use crate::scope::Scope;

/// Suggestions that are shown at most.
const SUGGESTIONS_MAX: usize = 3;
/// Names that are compared at most; a run of 100,000 tasks must not make one mistake expensive.
const NAMES_MAX: usize = 5_000;

/// The names that are close enough to `wrong` to be what was meant, the closest first.
pub(crate) fn near<'a>(wrong: &str, names: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let mut best: Vec<(f64, String)> = Vec::new();
    for name in names.into_iter().take(NAMES_MAX) {
        consider(&mut best, wrong, name);
    }
    finish(best)
}

/// The variables of `scope` that are close to `wrong`.
pub(crate) fn near_in_scope(wrong: &str, scope: &dyn Scope) -> Vec<String> {
    let mut best = Vec::new();
    let mut seen = 0;
    scope.each_name("", &mut |name| {
        consider(&mut best, wrong, name);
        seen += 1;
        if seen < NAMES_MAX { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    finish(best)
}

fn consider(best: &mut Vec<(f64, String)>, wrong: &str, name: &str) {
    // Very long names are no typing mistakes, and comparing them is quadratic.
    if wrong.len() > 200 || name.len() > 200 || name == wrong {
        return;
    }
    let Some(score) = likeness(wrong, name) else { return };
    best.push((score, name.to_owned()));
    best.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    best.truncate(SUGGESTIONS_MAX);
}

/// Between 0 and 1; none for names that nobody confuses.
fn likeness(wrong: &str, name: &str) -> Option<f64> {
    if name.eq_ignore_ascii_case(wrong) {
        return Some(1.0);
    }
    // In dotted names the mistake is in the parts that differ.
    let (wrong, name) = differing(wrong, name);
    let distance = strsim::damerau_levenshtein(wrong, name);
    let longer = wrong.chars().count().max(name.chars().count()).max(1);
    // A third of the letters may differ, and never more than four.
    if distance > 4 || distance * 3 > longer + 2 {
        return None;
    }
    Some(1.0 - distance as f64 / longer as f64)
}

/// Both names without the dotted parts that they begin and end with alike.
fn differing<'a>(mut a: &'a str, mut b: &'a str) -> (&'a str, &'a str) {
    while let (Some((first, rest_a)), Some((other, rest_b))) = (a.split_once('.'), b.split_once('.')) {
        if first != other {
            break;
        }
        (a, b) = (rest_a, rest_b);
    }
    while let (Some((rest_a, last)), Some((rest_b, other))) = (a.rsplit_once('.'), b.rsplit_once('.')) {
        if last != other {
            break;
        }
        (a, b) = (rest_a, rest_b);
    }
    (a, b)
}

/// Names that are much less alike than the best one are not shown.
fn finish(best: Vec<(f64, String)>) -> Vec<String> {
    let top = best.first().map_or(0.0, |(score, _)| *score);
    best.into_iter().filter(|(score, _)| *score > top - 0.2).map(|(_, name)| name).collect()
}
