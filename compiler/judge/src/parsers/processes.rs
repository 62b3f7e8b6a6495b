//! What runs, by the kernel's own records (proc(5)), and who runs it.

use std::collections::{BTreeMap, BTreeSet};

/// Prints who owns each process, and name and state of each: two programs, however many run.
pub(crate) const QUESTION: &str = "LC_ALL=C stat -c '%n %U' /proc/[0-9]* 2>/dev/null; echo =; \
     grep -HsE '^(Name|State):' /proc/[0-9]*/status; true";

/// Characters that the kernel keeps of a name (`TASK_COMM_LEN`, less the NUL).
const KEPT: usize = 15;

/// Who runs processes of a name, from what [`QUESTION`] printed; nobody where none runs. An error says why
/// that is no answer.
pub(crate) fn users(printed: &str, name: &str) -> Result<BTreeSet<String>, String> {
    let unreadable = || "`/proc` cannot be read".to_owned();
    let (owners, records) = printed.split_once("=\n").ok_or_else(unreadable)?;
    let owners: BTreeMap<&str, &str> =
        owners.lines().filter_map(|line| line.strip_prefix("/proc/")?.split_once(' ')).collect();
    // Who may not see the first process may not see others either.
    if owners.is_empty() || !records.contains("/proc/1/status:") {
        return Err(unreadable());
    }
    // Of a program the kernel keeps the beginning, of its own threads all.
    let kept = String::from_utf8_lossy(name.as_bytes().get(..KEPT).unwrap_or(name.as_bytes()));
    let is_named = |is: &str| is == name || is == kept;
    let mut found = BTreeSet::new();
    let mut named = None;
    for line in records.lines() {
        let Some((id, field)) =
            line.strip_prefix("/proc/").and_then(|rest| rest.split_once("/status:"))
        else {
            continue;
        };
        match field.split_once('\t') {
            Some(("Name:", is)) => named = is_named(is).then_some(id),
            // One that is dead is only waited for.
            Some(("State:", state)) if named == Some(id) && !state.starts_with(['Z', 'X']) => {
                // One that ended meanwhile has no owner any more.
                found.extend(owners.get(id).map(|owner| (*owner).to_owned()));
            }
            _ => {}
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRINTED: &str = "/proc/1 root\n/proc/80 root\n/proc/81 slurm\n/proc/82 root\n/proc/83 ops\n=\n\
        /proc/1/status:Name:\tsystemd\n/proc/1/status:State:\tS (sleeping)\n\
        /proc/80/status:Name:\tslurmd\n/proc/80/status:State:\tS (sleeping)\n\
        /proc/81/status:Name:\tslurmd\n/proc/81/status:State:\tR (running)\n\
        /proc/82/status:Name:\tsshd\n/proc/82/status:State:\tZ (zombie)\n\
        /proc/83/status:Name:\tsystemd-journal\n/proc/83/status:State:\tS (sleeping)\n";

    #[test]
    fn processes_of_a_name() {
        let of = |name: &str| users(PRINTED, name).unwrap().into_iter().collect::<Vec<_>>();
        assert_eq!(of("slurmd"), ["root", "slurm"]);
        assert_eq!(of("sshd"), Vec::<String>::new());
        assert_eq!(of("slurm"), Vec::<String>::new());
        assert_eq!(of("systemd-journald"), ["ops"]);
        assert!(users("=\n", "sshd").is_err() && users("", "sshd").is_err());
        // Without `stat`, and where only one's own processes are shown.
        let (owners, records) = PRINTED.split_once("=\n").unwrap();
        assert!(users(&format!("=\n{records}"), "slurmd").is_err());
        let own = records.replace("/proc/1/", "/proc/7/");
        assert!(users(&format!("{owners}=\n{own}"), "sshd").is_err());
        let thread = PRINTED.replace("slurmd", "rcu_tasks_rude_kthread");
        assert_eq!(users(&thread, "rcu_tasks_rude_kthread").unwrap().len(), 2);
        assert_eq!(users(PRINTED, "aaaaaaaaaaaaaaäb").unwrap().len(), 0);
    }
}
