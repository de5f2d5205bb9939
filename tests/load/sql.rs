//! SQLite from outside: Python's, which `tests/run.sh` makes sure of.

use std::path::Path;
use std::process::Command;

/// Runs a script on a database file, makes it where it is missing, and returns the rows of its last
/// statement, one a line.
#[track_caller]
pub(crate) fn run(database: &Path, script: &str, last: &str) -> Vec<String> {
    let program = "import sqlite3, sys\n\
                   db = sqlite3.connect(sys.argv[1])\n\
                   db.executescript(sys.argv[2])\n\
                   for row in db.execute(sys.argv[3]): print(*row, sep='|')\n\
                   db.commit()\n\
                   db.close()";
    let mut python = Command::new("python3");
    let output = python.args(["-c", program]).arg(database).args([script, last]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

/// Insists that a database file is whole.
#[track_caller]
pub(crate) fn is_whole(database: &Path) {
    assert_eq!(run(database, "", "PRAGMA integrity_check"), ["ok"], "{}", database.display());
    let rest = run(database, "", "PRAGMA foreign_key_check");
    assert!(rest.is_empty(), "{rest:?}");
}
