//! What those mean who know the commands of Argo and of kubectl.

/// Argo's commands that stand at the top there and below `workflow` here.
const UNDER_WORKFLOW: &[&str] =
    &["submit", "list", "watch", "logs", "wait", "stop", "terminate", "suspend", "resume", "retry", "resubmit", "node"];

/// Other words, and what they are here.
const OTHERS: &[(&str, &str)] = &[
    ("ls", "workflow list"),
    ("ps", "workflow list"),
    ("log", "workflow logs"),
    ("kill", "workflow terminate"),
    ("rm", "workflow delete"),
    ("cp", "artifact cp"),
    ("create", "apply"),
    ("replace", "apply"),
    ("edit", "apply"),
    ("patch", "apply"),
    ("explain", "schema"),
    ("api-resources", "schema"),
    ("start", "server"),
    ("serve", "server"),
    ("up", "server"),
    ("validate", "lint"),
    ("check", "lint"),
    ("exec", "run"),
];

/// The command line that a person probably meant, for one whose word is no command. Nothing where the word stands within a group: the group knows better.
pub fn meant(args: &[&str], word: &str) -> Option<String> {
    let at = args.iter().skip(1).position(|arg| *arg == word)? + 1;
    // Before it only flags may stand, and their values.
    let flags = args.windows(2).take(at - 1).all(|pair| match pair {
        [before, arg] => arg.starts_with('-') || before.starts_with("-n") || before.starts_with("--"),
        _ => true,
    });
    let here = match OTHERS.iter().find(|(theirs, _)| *theirs == word) {
        Some((_, here)) => (*here).to_owned(),
        None if UNDER_WORKFLOW.contains(&word) => format!("workflow {word}"),
        None => return None,
    };
    if !flags {
        return None;
    }
    // `edit NAME` and the like cannot be taken over as they stand.
    let same = UNDER_WORKFLOW.contains(&word)
        || matches!(word, "ls" | "ps" | "log" | "kill" | "rm" | "cp" | "validate" | "check");
    let rest: Vec<String> = args.iter().skip(at + 1).filter(|_| same).map(|arg| quoted(arg)).collect();
    let before: Vec<String> = args.iter().take(at).skip(1).filter(|_| same).map(|arg| quoted(arg)).collect();
    let line = ["colchis".to_owned()].into_iter().chain(before).chain([here]).chain(rest).collect::<Vec<_>>().join(" ");
    Some(line)
}

/// As a shell takes it.
fn quoted(arg: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@,%+".contains(c);
    if !arg.is_empty() && arg.chars().all(plain) { arg.to_owned() } else { format!("'{}'", arg.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_of_others_are_known() {
        for (line, word, expected) in [
            ("colchis submit x.yaml --watch", "submit", Some("colchis workflow submit x.yaml --watch")),
            ("colchis list", "list", Some("colchis workflow list")),
            ("colchis -n argo list", "list", Some("colchis -n argo workflow list")),
            ("colchis --no-color logs @latest -f", "logs", Some("colchis --no-color workflow logs @latest -f")),
            ("colchis cp hello out", "cp", Some("colchis artifact cp hello out")),
            ("colchis create -f x.yaml", "create", Some("colchis apply")),
            ("colchis cron submit", "submit", None),
            ("colchis frobnicate", "frobnicate", None),
        ] {
            let args: Vec<&str> = line.split(' ').collect();
            assert_eq!(meant(&args, word).as_deref(), expected, "{line}");
        }
        assert_eq!(quoted("it's *"), r"'it'\''s *'");
    }
}
