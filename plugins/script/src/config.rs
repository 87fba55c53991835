//! The parameters, declared once, and the script that they name.

use gatepost_provider_api::{Context, Declaration, Definition, Parameter, Problem, regexp::Regexp};
use rustix::fs::{Access, AtFlags, CWD};
use std::{
    fs, io,
    os::unix::fs::PermissionsExt,
    path::{Component, Path, PathBuf},
    time::Duration,
};

pub(crate) fn declaration() -> Declaration {
    Declaration::new("Hands each message to a script: the phone number as its argument, the text on its stdin.")
        .documentation("https://privacyidea.readthedocs.io/en/latest/configuration/sms_gateway_config.html")
        .parameter(
            Parameter::text("SCRIPT")
                .alias("script")
                .required()
                .description("File name of the script in the script directory, without a directory part."),
        )
        .parameter(Parameter::choice("BACKGROUND", &["wait", "background"]).alias("background").default("wait").description(
            "`wait` for the script's exit code, or count the message as accepted as soon as it runs in the `background`.",
        ))
        .parameter(
            Parameter::text("REGEXP")
                .description("`/PATTERN/REPLACEMENT/`, applied to the phone number; Python's `re` syntax."),
        )
        .parameter(
            Parameter::seconds("TIMEOUT")
                .default("30")
                .description("After so many seconds the script and all that it started are killed."),
        )
        .setting(
            Parameter::path("directory")
                .alias("PI_SCRIPT_SMSPROVIDER_DIRECTORY")
                .default("/etc/gatepost/scripts")
                .description("The folder with the scripts."),
        )
        .harmless(&["BACKGROUND", "REGEXP", "TIMEOUT"])
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Wait,
    Background,
}

#[derive(Debug)]
pub(crate) struct Config {
    pub(crate) script: ScriptFile,
    pub(crate) mode: Mode,
    pub(crate) regexp: Option<Regexp>,
    pub(crate) timeout: Duration,
}

impl Config {
    pub(crate) fn new(definition: &Definition, context: &Context) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let regexp = definition.text("REGEXP").map(Regexp::parse).transpose();
        let regexp = regexp.map_err(|error| problems.push(error.into_problem("REGEXP"))).ok().flatten();
        let script = script(definition, context).map_err(|problem| problems.push(problem)).ok();
        match (script, problems.is_empty()) {
            (Some(script), true) => Ok(Self {
                script,
                mode: if definition.text("BACKGROUND") == Some("background") {
                    Mode::Background
                } else {
                    Mode::Wait
                },
                regexp,
                timeout: definition.seconds("TIMEOUT").unwrap_or(Duration::from_secs(30)),
            }),
            _ => Err(problems),
        }
    }
}

/// A script in its folder.
#[derive(Debug)]
pub(crate) struct ScriptFile {
    pub(crate) directory: PathBuf,
    /// Absolute, without the links of the folder.
    pub(crate) path: PathBuf,
}

/// Why a script can't be run, and how to mend that.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Unfit {
    pub(crate) what: String,
    mend: String,
}

fn script(definition: &Definition, context: &Context) -> Result<ScriptFile, Problem> {
    let name = definition.text("SCRIPT").unwrap_or_default();
    // Exactly one component, and that a plain name: no `/`, no `..`, not empty.
    let mut components = Path::new(name).components();
    let plain = matches!((components.next(), components.next()), (Some(Component::Normal(part)), None) if part == name);
    if !plain || name.contains('\0') {
        let what = format!("{name:?} is no file name");
        return Err(Problem::parameter(
            "SCRIPT",
            what,
            "write the name of a file in the script directory, without `/`",
        ));
    }
    let directory = PathBuf::from(definition.setting("directory").unwrap_or_default());
    let unusable = |reason: String| {
        let what = format!("the script directory {} can't be used: {reason}", directory.display());
        Problem::setting("directory", what, "make it, or correct the path")
    };
    let directory = directory.canonicalize().map_err(|error| unusable(error.to_string()))?;
    let metadata = fs::metadata(&directory).map_err(|error| unusable(error.to_string()))?;
    if !metadata.is_dir() {
        return Err(unusable("it is no directory".into()));
    }
    if metadata.permissions().mode() & 0o022 != 0 {
        let what = format!("the script directory {} is writable by group or others", directory.display());
        context.warn(Problem::setting("directory", what, format!("`chmod go-w {}`", directory.display())));
    }
    let script = ScriptFile { path: directory.join(name), directory };
    match script.check() {
        Ok(()) => Ok(script),
        Err(unfit) => Err(Problem::parameter("SCRIPT", unfit.what, unfit.mend)),
    }
}

impl ScriptFile {
    /// Whether it can be run, and only by whom it may be changed.
    pub(crate) fn check(&self) -> Result<(), Unfit> {
        let shown = self.path.display();
        let unfit = |what: String, mend: String| Unfit { what: format!("the script {shown} {what}"), mend };
        let target = self.path.canonicalize().map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => unfit("is missing".into(), "put it there, or correct the name".into()),
            _ => unfit(format!("can't be reached: {error}"), "correct its permissions".into()),
        })?;
        if !target.starts_with(&self.directory) {
            let what = "is a link out of the script directory".to_owned();
            return Err(unfit(what, "put the script itself there".into()));
        }
        let metadata = fs::metadata(&target)
            .map_err(|error| unfit(format!("can't be read: {error}"), "correct its permissions".into()))?;
        if !metadata.is_file() {
            return Err(unfit("is not a regular file".into(), "put a script there".into()));
        }
        if metadata.permissions().mode() & 0o022 != 0 {
            let what = "is writable by group or others".to_owned();
            return Err(unfit(what, format!("`chmod go-w {shown}`")));
        }
        rustix::fs::accessat(CWD, &target, Access::EXEC_OK, AtFlags::EACCESS)
            .map_err(|_| unfit("is not executable".into(), format!("`chmod +x {shown}`")))
    }
}
