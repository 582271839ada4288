//! Options as Flink's command spells them: long names, and abbreviations of several letters, after a single dash, as in
//! `flink run -cm claim` and `flink savepoint -detached`.

use clap::{ArgAction, Command, CommandFactory};

use crate::args::Cli;

/// The arguments with such options written with two dashes. What belongs to the job, behind its artifact, stays as it is.
pub(crate) fn normalize(args: Vec<String>) -> Vec<String> {
    let cli = Cli::command();
    let Some(verb) = args.get(1).and_then(|verb| cli.find_subcommand(verb)) else { return args };
    let has_job_arguments = verb.get_arguments().any(|arg| arg.is_trailing_var_arg_set());
    let mut rest = args.into_iter();
    let mut normal: Vec<String> = rest.by_ref().take(2).collect();
    while let Some(arg) = rest.next() {
        if arg == "--" || (has_job_arguments && !is_option(&arg)) {
            normal.push(arg);
            normal.extend(rest.by_ref());
            break;
        }
        let arg = with_two_dashes(verb, &arg).unwrap_or(arg);
        let value = wants_value(verb, &arg);
        normal.push(arg);
        if value {
            normal.extend(rest.next());
        }
    }
    normal
}

fn is_option(arg: &str) -> bool {
    arg.len() > 1 && arg.starts_with('-')
}

/// `--name` or `--name=value` for `-name` or `-name=value`, if the verb has an option of this name.
fn with_two_dashes(verb: &Command, arg: &str) -> Option<String> {
    let text = arg.strip_prefix('-').filter(|text| !text.starts_with('-'))?;
    let name = text.split_once('=').map_or(text, |(name, _)| name);
    (name.chars().count() > 1 && long(verb, name).is_some()).then(|| format!("--{text}"))
}

fn long<'a>(verb: &'a Command, name: &str) -> Option<&'a clap::Arg> {
    verb.get_arguments().find(|arg| {
        arg.get_long() == Some(name) || arg.get_all_aliases().is_some_and(|names| names.contains(&name))
    })
}

/// Whether the argument after this one is its value.
fn wants_value(verb: &Command, arg: &str) -> bool {
    let takes_value = |arg: &clap::Arg| {
        matches!(arg.get_action(), ArgAction::Set | ArgAction::Append)
            && arg.get_num_args().is_none_or(|range| range.min_values() > 0)
    };
    if let Some(name) = arg.strip_prefix("--") {
        return !name.contains('=') && long(verb, name).is_some_and(takes_value);
    }
    let Some(letters) = arg.strip_prefix('-') else { return false };
    for (position, letter) in letters.char_indices() {
        let found = verb.get_arguments().find(|arg| arg.get_short() == Some(letter));
        match found {
            // What follows in the same argument is the value.
            Some(option) if takes_value(option) => return position + letter.len_utf8() == letters.len(),
            Some(_) => {}
            None => return false,
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn normal(line: &str) -> String {
        normalize(line.split(' ').map(str::to_owned).collect()).join(" ")
    }

    #[test]
    fn long_names_may_have_one_dash() {
        assert_eq!(
            normal("flott savepoint J -type native -detached"),
            "flott savepoint J --type native --detached"
        );
        assert_eq!(normal("flott checkpoint -full J"), "flott checkpoint --full J");
        assert_eq!(normal("flott stop -type=native -p -d J"), "flott stop --type=native -p -d J");
        assert_eq!(normal("flott cancel -withSavepoint J"), "flott cancel --withSavepoint J");
        assert_eq!(normal("flott list -ra -Dx=y"), "flott list -ra -Dx=y");
        assert_eq!(normal("flott fly -high"), "flott fly -high");
        assert_eq!(normal("flott"), "flott");
    }

    #[test]
    fn a_jobs_own_arguments_stay() {
        assert_eq!(
            normal("flott run -dp 4 -cm claim -s x -detached job -cm x -detached"),
            "flott run -dp 4 --cm claim -s x --detached job -cm x -detached"
        );
        assert_eq!(normal("flott run -p4 job -cm"), "flott run -p4 job -cm");
        assert_eq!(normal("flott run -p job job -cm"), "flott run -p job job -cm");
        assert_eq!(normal("flott run --claimMode=claim job -cm"), "flott run --claimMode=claim job -cm");
        assert_eq!(normal("flott info -c main job -json"), "flott info -c main job -json");
    }
}
