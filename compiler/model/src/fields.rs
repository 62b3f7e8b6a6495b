//! What of an action enters its keys, as named fields. Destructured without `..`, so that a new
//! part of an action cannot be forgotten here.

use crate::{
    Action, Base, Change, ChangeKind, Changes, Content, DeclaredPath, ExpectFailed, Fetch,
    KeyBuilder, Located, Mirror, Origin, OutputSettings, Pack, PackageSources, Packages, Pin,
    Preseed, Repository, Resolve, Run, SecretFile, SecretReference, SecretSource, Secrets,
    SourceFile, Stamp, Unpack, Verify,
};

impl Action {
    /// The version of what this kind of action does to its inputs; rising it rebuilds all of the
    /// kind.
    pub fn version(&self) -> u32 {
        match self {
            Self::Resolve(_)
            | Self::Base(_)
            | Self::Packages(_)
            | Self::Fetch(_)
            | Self::Unpack(_)
            | Self::Changes(_)
            | Self::Run(_)
            | Self::Secrets(_)
            | Self::Stamp(_)
            | Self::Verify(_)
            | Self::Pack(_) => 1,
        }
    }

    /// A key builder of this action's kind that holds all of its own fields and no input.
    pub fn key_builder(&self) -> KeyBuilder {
        let mut key = KeyBuilder::new(self.kind(), self.version());
        match self {
            Self::Resolve(resolve) => resolve_fields(resolve, &mut key),
            Self::Base(base) => base_fields(base, &mut key),
            Self::Packages(packages) => {
                let Packages { arch, names, answers, holds } = packages;
                key.field("architecture", arch);
                name_fields(names, &mut key);
                for Preseed { owner, question, kind, value, origin } in answers {
                    let name = format!("debconf answer {owner} {question}");
                    key.field_at(name, format!("{kind} {value}"), origin);
                }
                hold_fields(holds, &mut key);
            }
            Self::Fetch(Fetch { name: _, url: _, sha256, origin }) => {
                key.field_at("SHA-256", sha256, origin);
            }
            Self::Unpack(unpack) => unpack_fields(unpack, &mut key),
            Self::Changes(Changes { changes, protected }) => {
                for change in changes {
                    change_fields(change, &mut key);
                }
                protected_fields(protected, &mut key);
            }
            Self::Run(run) => run_fields(run, &mut key),
            Self::Secrets(Secrets { files }) => {
                for file in files {
                    secret_file_fields(file, &mut key);
                }
            }
            Self::Stamp(stamp) => stamp_fields(stamp, &mut key),
            Self::Verify(verify) => verify_fields(verify, &mut key),
            Self::Pack(pack) => pack_fields(pack, &mut key),
        }
        key
    }
}

fn unpack_fields(unpack: &Unpack, key: &mut KeyBuilder) {
    // What the archive is, the input says.
    let Unpack { source: _, into, strip, owner, group, setuid, overrides, origin } = unpack;
    key.field_at("into", into.to_string(), origin);
    key.field_at("components taken off", strip.to_string(), origin);
    key.field_at("owner", format!("{owner}:{group}"), origin);
    key.field_at("files may run as their owner", setuid.to_string(), origin);
    if *overrides {
        key.field_at("override", "true", origin);
    }
}

fn name_fields(names: &[Located<String>], key: &mut KeyBuilder) {
    for name in names {
        key.field_at("package", &name.value, &name.origin);
    }
}

fn sources_fields(sources: &PackageSources, key: &mut KeyBuilder) {
    let PackageSources { suite, components, updates, mirror, security } = sources;
    key.field("suite", suite);
    key.field("components", components.join(" "));
    key.field("updates and security suites", updates.to_string());
    for (name, mirror) in [("mirror", mirror), ("security mirror", security)] {
        // The URL stays out: it may be that of the runner's own cache. Without a mirror the host's
        // own sources are used.
        if let Some(Mirror { name: mirror, url: _ }) = mirror {
            key.field(name, mirror);
        }
    }
}

fn resolve_fields(resolve: &Resolve, key: &mut KeyBuilder) {
    let Resolve { arch, sources, repositories, pins, holds, base, names, files, recommends } =
        resolve;
    key.field("architecture", arch);
    sources_fields(sources, key);
    for repository in repositories {
        repository_fields(repository, key);
    }
    for pin in pins {
        let Pin { package, to: _, priority, origin } = pin;
        let value = format!("{} priority {priority}", pin.to_apt());
        key.field_at(format!("pin {package}"), value, origin);
    }
    hold_fields(holds, key);
    key.field("essential and required packages", base.to_string());
    key.field("recommended packages", recommends.to_string());
    name_fields(names, key);
    for file in files {
        // Name and version are what the file itself says.
        let SourceFile { path: _, digest, size: _, executable: _ } = &file.value;
        key.field_at("package file", digest.to_hex(), &file.origin);
    }
}

fn hold_fields(holds: &[Located<String>], key: &mut KeyBuilder) {
    for held in holds {
        key.field_at("held package", &held.value, &held.origin);
    }
}

fn repository_fields(repository: &Repository, key: &mut KeyBuilder) {
    // Who fetches decides no byte: a new password resolves nothing anew.
    let Repository { name, url, suites, components, key: signer, login: _, origin } = repository;
    key.field_at(format!("repository {name}"), url, origin);
    key.field_at(format!("repository {name}, suites"), suites.join(" "), origin);
    key.field_at(format!("repository {name}, components"), components.join(" "), origin);
    if let Some(SourceFile { path: _, digest, size: _, executable: _ }) = signer {
        key.field_at(format!("repository {name}, key"), digest.to_hex(), origin);
    }
}

fn source_field(name: &str, file: &SourceFile, origin: Option<&Origin>, key: &mut KeyBuilder) {
    // The path in the project is for people; the bytes and the executable bit count.
    let SourceFile { path: _, digest, size: _, executable } = file;
    let fields = [
        (name.to_owned(), digest.to_hex()),
        (format!("{name}, executable"), executable.to_string()),
    ];
    for (name, value) in fields {
        match origin {
            Some(origin) => key.field_at(name, value, origin),
            None => key.field(name, value),
        };
    }
}

fn base_fields(base: &Base, key: &mut KeyBuilder) {
    match base {
        Base::Debian { arch, sources, exclude_paths } => {
            key.field("architecture", arch);
            sources_fields(sources, key);
            for url in [&sources.mirror, &sources.security].into_iter().flatten() {
                // The image's own sources.list names the mirror of the spec.
                key.field(format!("URL of mirror {}", url.name), &url.url);
            }
            for path in exclude_paths {
                key.field("excluded path", path);
            }
        }
        Base::Archive { arch, source } => {
            key.field("architecture", arch);
            source_field("archive", source, None, key);
        }
        Base::Tree { arch, directory: _, files } => {
            key.field("architecture", arch);
            for (path, file) in files {
                source_field(&format!("content of {path}"), file, None, key);
            }
        }
    }
}

fn change_fields(change: &Change, key: &mut KeyBuilder) {
    let Change { origin, what } = change;
    let mut add = |name: String, value: String| {
        key.field_at(name, value, origin);
    };
    match what {
        ChangeKind::Directory { path, mode, owner, group } => {
            add(format!("directory {path}"), format!("{mode:04o} {owner}:{group}"));
        }
        ChangeKind::File { path, content, mode, owner, group } => {
            add(format!("mode and owner of {path}"), format!("{mode:04o} {owner}:{group}"));
            add(format!("content of {path}"), content.digest().to_hex());
        }
        ChangeKind::Link { path, target } => add(format!("link {path}"), target.clone()),
        ChangeKind::Remove { pattern } => add("remove".to_owned(), pattern.clone()),
        ChangeKind::Group { name, gid, system } => {
            add(format!("group {name}"), format!("gid {} system {system}", number(*gid)));
        }
        ChangeKind::User { name, uid, group, groups, home, shell, comment, system } => {
            add(format!("user {name}"), format!("uid {} system {system}", number(*uid)));
            let said = [("group", group), ("home", home), ("shell", shell)];
            for (part, value) in said {
                // What is not said is the image's own choice.
                if let Some(value) = value {
                    add(format!("user {name}, {part}"), value.clone());
                }
            }
            for group in groups {
                add(format!("user {name}, supplementary group"), group.clone());
            }
            add(format!("user {name}, comment"), comment.clone());
        }
        ChangeKind::Enable { unit } => add(format!("unit {unit}"), "enabled".to_owned()),
        ChangeKind::Disable { unit } => add(format!("unit {unit}"), "disabled".to_owned()),
        ChangeKind::Mask { unit } => add(format!("unit {unit}"), "masked".to_owned()),
    }
}

fn number(value: Option<u32>) -> String {
    value.map_or_else(|| "any".to_owned(), |number| number.to_string())
}

fn run_fields(run: &Run, key: &mut KeyBuilder) {
    let Run { name, script, inputs, fetched, environment, secrets, protected, origin } = run;
    key.field_at("step", name, origin);
    source_field("script", script, Some(origin), key);
    for (path, file) in inputs {
        source_field(&format!("input {path}"), file, Some(origin), key);
    }
    for name in fetched {
        key.field_at("fetched input", name, origin);
    }
    for (name, value) in environment {
        key.field_at(format!("environment {name}"), value, origin);
    }
    for secret in secrets {
        secret_fields(secret, key);
    }
    protected_fields(protected, key);
}

fn protected_fields(protected: &[DeclaredPath], key: &mut KeyBuilder) {
    for DeclaredPath { path, origin } in protected {
        key.field_at("declared by an earlier step", path.to_string(), origin);
    }
}

fn secret_fields(secret: &SecretReference, key: &mut KeyBuilder) {
    let SecretReference { name, source, origin } = secret;
    let value = match source {
        SecretSource::Age(file) => format!("age {}", file.digest),
        SecretSource::Environment { variable, version } => {
            format!("environment {variable} version {version}")
        }
        SecretSource::File { path, version } => format!("file {path} version {version}"),
    };
    key.field_at(format!("secret {name}"), value, origin);
}

fn secret_file_fields(file: &SecretFile, key: &mut KeyBuilder) {
    let SecretFile { path, mode, owner, group, secret, origin } = file;
    let value = format!("{mode:04o} {owner}:{group}");
    key.field_at(format!("mode and owner of {path}"), value, origin);
    key.field_at(format!("secret in {path}"), &secret.name, origin);
    secret_fields(secret, key);
}

fn output_fields(output: &OutputSettings, origin: &Origin, key: &mut KeyBuilder) {
    let OutputSettings { format, compression, level, allow_secrets } = output;
    key.field_at("output", format, origin);
    key.field_at("compression", format!("{} level {level}", compression.name()), origin);
    key.field_at("secrets may be packed", allow_secrets.to_string(), origin);
}

fn stamp_fields(stamp: &Stamp, key: &mut KeyBuilder) {
    let Stamp { image, cluster, image_type, cmdline, output, secrets, origin } = stamp;
    key.field_at("image", image, origin);
    key.field_at("cluster", cluster, origin);
    key.field_at("type", image_type, origin);
    if let Some(cmdline) = cmdline {
        key.field_at("kernel command line", cmdline, origin);
    }
    if let Some(output) = output {
        output_fields(output, origin, key);
    }
    for secret in secrets {
        secret_fields(secret, key);
    }
}

fn verify_fields(verify: &Verify, key: &mut KeyBuilder) {
    let Verify { image, level, controls, expect_failed } = verify;
    key.field("image", image);
    key.field("target", level.name());
    for control in controls {
        // A control is plain data; its text form covers every demand. Places do not count.
        let name = format!("control {}/{}", control.profile, control.id);
        key.field_at(name, crate::check_text::control_text(control), &control.origin);
    }
    for ExpectFailed { unit, because: _, origin } in expect_failed {
        key.field_at("expected to fail", unit, origin);
    }
}

fn pack_fields(pack: &Pack, key: &mut KeyBuilder) {
    let Pack { image, cluster, image_type, arch, output, holds_secrets, origin } = pack;
    key.field_at("image", image, origin);
    key.field_at("cluster", cluster, origin);
    key.field_at("type", image_type, origin);
    key.field("architecture", arch);
    output_fields(output, origin, key);
    key.field_at("holds secrets", holds_secrets.to_string(), origin);
}

impl Content {
    /// Size in bytes.
    pub fn size(&self) -> u64 {
        match self {
            Self::Text(text) => text.len() as u64,
            Self::Source(file) => file.size,
        }
    }
}

#[cfg(test)]
mod tests;
