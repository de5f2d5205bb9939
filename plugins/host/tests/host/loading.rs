//! What is loaded, what is refused, and what the refusal says.

use std::{collections::BTreeMap, fs, path::Path};

use scribed_plugin_host::{Catalog, Kind, Reason, Refusal, Search};

use crate::plugins::{c_echo, compile, folder, load, load_good, misbehaving, set_mode};

const ENTRY: &str = "misbehaving/entry.c";

#[test]
fn a_plugin_in_c_is_listed_with_everything_that_it_says_of_itself() {
    let folder = folder();
    let library = c_echo(folder.path());
    let catalog = load_good(folder.path());
    let stages: Vec<_> = catalog.stages().collect();
    assert_eq!(stages.len(), 1);
    let stage = catalog.stage("org.scribed.test.c-echo").expect("found");
    assert_eq!(stage, stages[0]);
    assert_eq!((stage.accepts, stage.emits), (Kind::Audio, Kind::Audio));
    assert_eq!(stage.version, "1.0");
    assert_eq!(stage.summary, "drops audio quieter than a threshold");
    assert_eq!(stage.config_schema["properties"]["threshold"]["maximum"], 1);
    assert_eq!(stage.library, fs::canonicalize(library).expect("real"));
}

#[test]
fn a_plugin_in_rust_is_listed_with_the_schema_of_its_options() {
    let catalog = load_good(&misbehaving());
    let stage = catalog.stage("org.scribed.test.panics").expect("found");
    assert!(stage.config_schema["properties"]["lie"].is_object(), "{}", stage.config_schema);
    assert_eq!(catalog.stages().count(), 6);
    let media = catalog.stage("org.scribed.test.lies-media").expect("found");
    assert_eq!(media.accepts.to_string(), "MEDIA");
}

#[test]
fn a_stage_that_nobody_brings_cannot_be_opened() {
    let context = crate::recorder::Recorder::new();
    let error = Catalog::default().open("org.x.y", &serde_json::json!({}), context);
    assert_eq!(error.expect_err("none").to_string(), "org.x.y: no plugin has this stage");
}

/// Builds an entry with `options`, loads it, and expects a refusal that says `expected`.
#[track_caller]
fn refused(options: &[&str], expected: &str) {
    let folder = folder();
    let library = compile(ENTRY, folder.path(), "lie.so", options);
    let (catalog, refusals) = load(&library);
    assert_eq!(catalog.stages().count(), 0, "{options:?} was taken");
    let [refusal] = &refusals[..] else { panic!("{options:?} gave {refusals:?}") };
    let text = refusal.to_string();
    let begin = format!("cannot use plugin {}: ", library.display());
    let reason = text.strip_prefix(&begin).unwrap_or_else(|| panic!("{text} names another file"));
    assert_eq!(reason, expected, "{options:?}");
}

#[test]
fn the_entry_that_the_lies_are_made_from_is_good_and_any_minor_version_will_do() {
    let folder = folder();
    let library = compile(ENTRY, folder.path(), "good.so", &["-DMINOR=99u"]);
    assert_eq!(load_good(&library).stages().count(), 1);
}

#[test]
fn another_abi_version_is_refused_and_both_sides_are_named() {
    refused(
        &["-DMAJOR=2u", "-DMINOR=0u"],
        "the plugin speaks ABI 2.0, this daemon 1.x; \
         update the daemon, or get a build of the plugin for this version",
    );
    refused(
        &["-DMAJOR=0u", "-DMINOR=7u"],
        "the plugin speaks ABI 0.7, this daemon 1.x; get a build of the plugin for this version",
    );
}

#[test]
fn a_library_without_an_entry_is_refused() {
    refused(
        &["-DSYMBOL=something_else"],
        "it has no symbol `scribed_entry`; \
         take it out of the plugin folder, or export its stages",
    );
}

#[test]
fn a_malformed_entry_is_refused() {
    let check = |options: &[&str], what: &str| {
        let expected = format!("its entry is malformed: {what}; report it to the plugin's author");
        refused(options, &expected);
    };
    check(&["-DMISALIGNED"], "the symbol is misaligned");
    check(&["-DCOUNT=0u"], "it claims 0 stages");
    check(&["-DCOUNT=257u"], "it claims 257 stages");
    check(&["-DCOUNT=4294967295u"], "it claims 4294967295 stages");
    check(&["-DSTAGES=0"], "the array of stages is null or misaligned");
    let misaligned = "-DSTAGES=(const scribed_stage_descriptor *)((const char *)stages + 4)";
    check(&[misaligned], "the array of stages is null or misaligned");
}

#[test]
fn a_malformed_descriptor_is_refused() {
    let check = |options: &[&str], stage: &str, what: &str| {
        let advice = "report it to the plugin's author";
        refused(options, &format!("its stage {stage} is malformed: {what}; {advice}"));
    };
    let first = "number 1";
    check(&["-DID=NO_TEXT"], first, "its id is null");
    check(&["-DID=NULL_TEXT"], first, "its id is null");
    check(&["-DID=TEXT(\"\")"], first, "its id is empty");
    check(&["-DID=TEXT(\"a.\\xff\")"], first, "its id is not UTF-8");
    check(&["-DID=TEXT(\"Gate\")"], first, "its id \"Gate\" is not of the form `org.example.name`");
    let endless = "-DID={(const uint8_t *)\"a.b\", (size_t)-1}";
    check(&[endless], first, "its id claims 18446744073709551615 bytes; 128 are allowed");
    let entry = "org.scribed.test.entry";
    check(&["-DVERSION=NO_TEXT"], entry, "its version is null");
    check(&["-DSUMMARY=TEXT(\"\\xc3\")"], entry, "its summary is not UTF-8");
    check(&["-DACCEPTS=0u"], entry, "it accepts unknown kind 0");
    check(&["-DEMITS=6u"], entry, "it emits unknown kind 6");
    check(&["-DEMITS=SCRIBED_MEDIA"], entry, "it emits MEDIA, which only the daemon has");
    check(&["-DCREATE=0"], entry, "it has no function create");
    check(&["-DSCHEMA_FUNCTION=0"], entry, "it has no function config_schema");
    check(&["-DSCHEMA=NO_TEXT"], entry, "the schema of its options is null");
    check(&["-DSCHEMA=TEXT(\"[]\")"], entry, "the schema of its options is not a JSON object");
    check(
        &["-DSCHEMA=TEXT(\"{\")"],
        entry,
        "the schema of its options is not JSON (EOF while parsing an object at line 1 column 1)",
    );
}

#[test]
fn one_library_with_the_same_stage_twice_is_refused() {
    let folder = folder();
    let library = compile(ENTRY, folder.path(), "twice.so", &["-DCOUNT=2u"]);
    let (catalog, refusals) = load(&library);
    assert_eq!(catalog.stages().count(), 0);
    assert!(matches!(&refusals[0].reason, Reason::Duplicate { id, .. } if id.ends_with("entry")));
}

#[test]
fn of_two_libraries_with_the_same_stage_the_later_is_refused() {
    let folder = folder();
    let first = compile(ENTRY, folder.path(), "a.so", &[]);
    let second = compile(ENTRY, folder.path(), "b.so", &["-DVERSION=TEXT(\"2\")"]);
    let (catalog, refusals) = load(folder.path());
    assert_eq!(catalog.stage("org.scribed.test.entry").expect("kept").version, "1");
    assert_eq!(
        refusals[0].to_string(),
        format!(
            "cannot use plugin {}: its stage org.scribed.test.entry is already there, from {}; \
             keep one of the two",
            second.display(),
            fs::canonicalize(first).expect("real").display()
        )
    );
}

#[test]
fn a_library_that_two_places_show_is_loaded_once() {
    let folder = folder();
    let library = compile(ENTRY, folder.path(), "a.so", &[]);
    let folders = vec![library.clone(), folder.path().to_owned(), folder.path().join("a*.so")];
    let (catalog, refusals) = Catalog::load(&Search { folders, ..Search::default() });
    assert_eq!((catalog.stages().count(), refusals.len()), (1, 0));
}

#[test]
fn a_bad_library_does_not_keep_the_good_one_beside_it_from_loading() {
    let folder = folder();
    fs::write(folder.path().join("a.so"), "this is text").expect("written");
    set_mode(&folder.path().join("a.so"), 0o644);
    fs::create_dir(folder.path().join("b.so")).expect("created");
    compile(ENTRY, folder.path(), "c.so", &[]);
    fs::write(folder.path().join("readme.txt"), "no library").expect("written");
    let (catalog, refusals) = load(folder.path());
    assert_eq!(catalog.stages().count(), 1);
    assert!(matches!(refusals[0].reason, Reason::Loader(_)), "{}", refusals[0]);
    assert!(refusals[0].to_string().contains("rebuild it for this system"), "{}", refusals[0]);
    assert!(matches!(refusals[1].reason, Reason::NotAFile), "{}", refusals[1]);
    assert_eq!(refusals.len(), 2);
}

#[test]
fn a_library_that_anybody_may_write_to_is_refused_before_it_runs() {
    let folder = folder();
    let library = compile(ENTRY, folder.path(), "a.so", &[]);
    set_mode(&library, 0o777);
    let (catalog, refusals) = load(&library);
    assert_eq!(catalog.stages().count(), 0);
    let expected = "the file may be written to by everybody (mode 777); \
                    take the right away: `chmod go-w`";
    assert!(refusals[0].to_string().ends_with(expected), "{}", refusals[0]);

    set_mode(&library, 0o755);
    set_mode(folder.path(), 0o777);
    let (_, refusals) = load(&library);
    assert!(refusals[0].to_string().contains("its folder /"), "{}", refusals[0]);
}

#[test]
fn a_folder_that_is_missing_is_refused_by_name() {
    let (catalog, refusals) = load(Path::new("/nonexistent/plugins"));
    assert_eq!(catalog.stages().count(), 0);
    let expected = "cannot use plugin /nonexistent/plugins: it cannot be read (No such file or \
                    directory (os error 2)); check that it exists and that the daemon's user may \
                    read it";
    assert_eq!(refusals[0].to_string(), expected);
}

fn load_pinned(folder: &Path, pin: &str) -> (Catalog, Vec<Refusal>) {
    let pins = BTreeMap::from([("a.so".to_owned(), pin.to_owned())]);
    Catalog::load(&Search { folders: vec![folder.to_owned()], pins })
}

#[test]
fn a_pinned_library_is_loaded_only_with_its_content() {
    let folder = folder();
    compile(ENTRY, folder.path(), "a.so", &[]);
    let (catalog, refusals) = load_pinned(folder.path(), &"0".repeat(64));
    assert_eq!(catalog.stages().count(), 0);
    let Reason::Pin { actual, .. } = &refusals[0].reason else { panic!("{}", refusals[0]) };
    let (catalog, refusals) = load_pinned(folder.path(), actual);
    assert_eq!((catalog.stages().count(), refusals.len()), (1, 0));
}
