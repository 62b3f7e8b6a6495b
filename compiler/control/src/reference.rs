//! What profiles consist of: the names that the decoder knows, and the text of the reference.

use forge_syntax::reference::{Child, Field, NodeKind};

/// Every node kind of this crate, in the order in which the reference names them.
pub const NODE_KINDS: [&NodeKind; 22] = [
    &PROFILE,
    &INPUT,
    &SKIP,
    &WAIVE,
    &CONTROL,
    &FILE,
    &PACKAGE,
    &USER,
    &GROUP,
    &SERVICE,
    &KERNEL_PARAMETER,
    &KERNEL_MODULE,
    &SSHD_CONFIG,
    &MOUNT,
    &PORT,
    &PROCESS,
    &FILESYSTEM,
    &COMMAND,
    &PACKAGES_ABSENT,
    &FOR_EACH,
    &ANY_OF,
    &ONLY_IF,
];

const TARGET: Field = Field::optional(
    "target",
    "`\"tree\"`, `\"container\"`, `\"booted\"` or `\"node\"`",
    "judged no earlier than there; else at the cheapest target that can tell. What is for nodes no \
     image is judged by, but `forgec controls run --node`",
);

const NOT: Child = Child::new("not", "holds what must not be so");

/// `profile`.
pub const PROFILE: NodeKind = NodeKind {
    name: "profile",
    doc: "A set of controls. An image or a role asks for it by `controls \"name\"`. With `inspec=` it is \
          a profile of InSpec that stands in the project as it is, and only `input`, `skip` and \
          `waive` may stand in it.",
    args: &[Field::required("name", "name", "how `controls` refers to it")],
    props: &[
        Field::optional(
            "inspec",
            "path in the project",
            "the directory of the profile's `inspec.yml`",
        ),
        Field::default(
            "target",
            "`\"tree\"`, `\"container\"` or `\"booted\"`",
            "\"booted\"",
            "with `inspec=`: the dearest target that its controls are judged at; each is judged at the \
             cheapest one that can tell",
        ),
    ],
    children: &[
        Child::new("input", "with `inspec=`: a value for an input"),
        Child::new("skip", "with `inspec=`: a control that is not judged"),
        Child::new(
            "waive",
            "a control that may fail until a day, wherever the profile is asked for",
        ),
        Child::new("title", "one line for reports"),
        Child::new(
            "param",
            "a parameter, as roles have them; read as `${name}` in any text of the profile",
        ),
        Child::new("control", "a demand with an identity"),
    ],
    example: "profile \"ssh\" {\n    control \"ssh-1\" {\n        package \"openssh-server\" { installed }\n    }\n}",
};

/// `input` of a profile.
pub const INPUT: NodeKind = NodeKind {
    name: "input",
    doc: "A value for an input of a profile of InSpec, in place of what its `inspec.yml` says.",
    args: &[
        Field::required("name", "name", "the input"),
        Field::required(
            "value",
            "text, number or truth value",
            "its value; several are a list, and one is a list where `inspec.yml` says `type: Array`",
        ),
    ],
    props: &[],
    children: &[],
    example: "input \"login_defs_umask\" \"027\"",
};

/// `skip` of a profile.
pub const SKIP: NodeKind = NodeKind {
    name: "skip",
    doc: "A control of a profile of InSpec that is not about these systems, and never is: it is not judged. \
          Reports show it as waived. One that should hold and does not yet is what `waive` is for.",
    args: &[Field::required("control", "id of a control", "which control")],
    props: &[Field::required("because", "text", "why, for reports")],
    children: &[],
    example: "skip \"os-14\" because=\"these nodes start over the network\"",
};

/// `waive` of a profile, or where a profile is asked for.
pub const WAIVE: NodeKind = NodeKind {
    name: "waive",
    doc: "A control that may fail until a day. It stands in a profile, or in a `controls` for the images \
          that ask there. The control is judged all the same; reports show it as waived, and it blocks \
          nothing. From the day on, it counts as if there were no waiver, and reports say so.",
    args: &[Field::required("control", "id of a control", "which control")],
    props: &[
        Field::required("by", "text", "who answers for it"),
        Field::required("because", "text", "why, for reports"),
        Field::required(
            "until",
            "day, `\"2027-01-31\"`",
            "the first day on which it counts no longer, by UTC",
        ),
        Field::default(
            "run",
            "`#true` or `#false`",
            "#true",
            "`#false`: the control is not judged at all. When the day has come, that is an error, and \
             no longer a warning",
        ),
    ],
    children: &[],
    example: "waive \"ssh-1\" by=\"ops\" because=\"bastion image\" until=\"2027-01-31\"",
};

/// `control`.
pub const CONTROL: NodeKind = NodeKind {
    name: "control",
    doc: "A demand with an identity: all that stands in it must hold.",
    args: &[Field::required("id", "name", "unique in the profile")],
    props: &[
        Field::default(
            "impact",
            "0.0 to 1.0, or `\"none\"`, `\"low\"`, `\"medium\"`, `\"high\"`, `\"critical\"`",
            "0.5",
            "how much a failure weighs; at 0 it blocks nothing",
        ),
        TARGET,
    ],
    children: &[
        Child::new("title", "one line for reports"),
        Child::new("desc", "more than one line"),
        Child::new("tag", "properties that reports pass on, `tag nist=\"CM-6\"`"),
        Child::new("only-if", "the control counts only where this holds"),
        Child::new("any-of", "one of these must hold whole"),
        Child::new("for-each", "the same for several values"),
        Child::new("packages-absent", "packages that must not be there"),
        Child::new("file", "a path of the image"),
        Child::new("package", "a package"),
        Child::new("user", "an account"),
        Child::new("group", "a group"),
        Child::new("service", "a systemd unit"),
        Child::new("kernel-parameter", "a kernel parameter, as sysctl.d sets it"),
        Child::new("kernel-module", "a kernel module, as modprobe.d has it"),
        Child::new("sshd-config", "what the SSH server is told"),
        Child::new("mount", "a mount point"),
        Child::new("port", "what waits at a port, on a running system"),
        Child::new("process", "what runs under a name, on a running system"),
        Child::new("filesystem", "the file system of a path, on a node"),
        Child::new("command", "a program of the image, run in a container of it"),
    ],
    example: "control \"ssh-1\" impact=\"high\" {\n    title \"SSH answers\"\n    service \"ssh\" { enabled }\n}",
};

/// `file`.
pub const FILE: NodeKind = NodeKind {
    name: "file",
    doc: "A path of the image. `type` and `link-target` are those of the path itself, all else of what a link points at.",
    args: &[Field::required("path", "absolute path", "the path")],
    props: &[TARGET],
    children: &[
        Child::new("exists", "it is there"),
        Child::new("type", "`\"file\"`, `\"directory\"`, `\"symlink\"`, …"),
        Child::new(
            "leads-to",
            "the type of what stands there once links are followed, `\"directory\"`",
        ),
        Child::new("owner", "the owner's name").takes("account's name"),
        Child::new("group", "the group's name").takes("group's name"),
        Child::new(
            "mode",
            "octal digits in quotes; `max=` allows no bit beyond, `min=` wants all of these",
        ),
        Child::new(
            "content",
            "the text, or `includes=` a part of it, or `matches=` a regular expression",
        ),
        Child::new(
            "setting",
            "`setting \"key\" \"value\" sep=\"=\"`: every line that sets the key sets it to the value, and one does, spacing free; `section=` names the `[section]` it stands in. `setting \"/a/b\" \"value\" format=\"json\"`, or `\"yaml\"`, `\"toml\"`: a place of a document, by a JSON pointer; types count, `8` is not `\"8\"`, and `#null` is no absence",
        ),
        Child::new("size", "bytes"),
        Child::new("link-target", "what the symbolic link points at, as written"),
        NOT,
    ],
    example: "file \"/etc/passwd\" { owner \"root\"; mode \"0644\" }",
};

/// `package`.
pub const PACKAGE: NodeKind = NodeKind {
    name: "package",
    doc: "A package, by the image's own records.",
    args: &[Field::required("name", "name", "the package")],
    props: &[TARGET],
    children: &[
        Child::new("installed", "it is installed"),
        Child::new(
            "version",
            "the version, in the order of dpkg or of rpm, whichever has the record: `min=`, `max=`, `above=`, `below=`",
        ),
        NOT,
    ],
    example: "package \"munge\" { installed; version min=\"0.5.13\" }",
};

/// `user`.
pub const USER: NodeKind = NodeKind {
    name: "user",
    doc: "An account of the image's own `/etc/passwd`.",
    args: &[Field::required("name", "name", "the account")],
    props: &[TARGET],
    children: &[
        Child::new("exists", "it is there"),
        Child::new("uid", "its id"),
        Child::new("group", "its primary group's name").takes("group's name"),
        Child::new("groups", "`includes=` one of its supplementary groups"),
        Child::new("home", "its home directory"),
        Child::new("shell", "its login shell"),
        NOT,
    ],
    example: "user \"munge\" { exists; shell \"/usr/sbin/nologin\" }",
};

/// `group`.
pub const GROUP: NodeKind = NodeKind {
    name: "group",
    doc: "A group of the image's own `/etc/group`.",
    args: &[Field::required("name", "name", "the group")],
    props: &[TARGET],
    children: &[Child::new("exists", "it is there"), Child::new("gid", "its id"), NOT],
    example: "group \"hpc\" { gid 2000 }",
};

/// `service`.
pub const SERVICE: NodeKind = NodeKind {
    name: "service",
    doc: "A systemd unit; a name without an ending is a `.service`.",
    args: &[Field::required("name", "unit", "the unit")],
    props: &[TARGET],
    children: &[
        Child::new("installed", "the unit is there"),
        Child::new(
            "enabled",
            "an ordinary boot starts it, by a link of `.wants` or `.requires`; not what another unit's `Wants=` starts",
        ),
        Child::new("masked", "it cannot be started"),
        Child::new("running", "it is active; asked of a booted container"),
        NOT,
    ],
    example: "service \"ssh\" { installed; enabled }",
};

/// `kernel-parameter`.
pub const KERNEL_PARAMETER: NodeKind = NodeKind {
    name: "kernel-parameter",
    doc: "A kernel parameter as the image's sysctl.d sets it at boot, never the builder's live value.",
    args: &[Field::required("name", "name", "as sysctl spells it")],
    props: &[TARGET],
    children: &[Child::new("value", "the value"), NOT],
    example: "kernel-parameter \"net.ipv4.ip_forward\" { value 0 }",
};

/// `kernel-module`.
pub const KERNEL_MODULE: NodeKind = NodeKind {
    name: "kernel-module",
    doc: "A kernel module as the image's kernels and its modprobe.d have it; never whether the builder has loaded it. `-` and `_` are the same in its name.",
    args: &[Field::required("name", "name", "the module")],
    props: &[TARGET],
    children: &[
        Child::new("exists", "a kernel of the image has it, as a module or built in"),
        Child::new("disabled", "`install NAME /bin/false`, or `true`: nothing loads it"),
        Child::new("blacklisted", "`blacklist NAME`: it is not loaded by itself"),
        NOT,
    ],
    example: "kernel-module \"cramfs\" { disabled }",
};

/// `sshd-config`.
pub const SSHD_CONFIG: NodeKind = NodeKind {
    name: "sshd-config",
    doc: "What the image's SSH server is told: `/etc/ssh/sshd_config` with what it includes, read as sshd reads it. The first value of a keyword counts, by any of its names; what stands below a `Match` that does not fit every connection does not count, and below one that does counts more. Paths and names differ by case.",
    args: &[],
    props: &[TARGET],
    children: &[
        Child::new(
            "set",
            "`set \"Keyword\" \"value\" …`: the keyword has one of the values; of a keyword that may stand several times, such as `Port`, every one",
        ),
        Child::new("absent", "`absent \"Keyword\"`: nothing sets it"),
        NOT,
    ],
    example: "sshd-config { set \"PermitRootLogin\" \"no\" \"prohibit-password\"; absent \"Protocol\" }",
};

/// `mount`.
pub const MOUNT: NodeKind = NodeKind {
    name: "mount",
    doc: "A mount point: what `/etc/fstab` or a mount unit of the image says of it. A unit in \
          `/etc/systemd/system` goes before a line of fstab, and that before a vendor's unit.",
    args: &[Field::required("path", "absolute path", "the directory")],
    props: &[TARGET],
    children: &[
        Child::new("configured", "something says what is mounted there"),
        Child::new("source", "the device or the share"),
        Child::new("type", "the file system's type, `\"nfs4\"`"),
        Child::new("options", "the mount options, one by one: `options includes=\"nosuid\"`"),
        Child::new(
            "mounted",
            "something is mounted there: asked of a booted container, or of a node",
        ),
        NOT,
    ],
    example: "mount \"/scratch\" { configured; type \"beegfs\"; options includes=\"nosuid\" }",
};

/// `port`.
pub const PORT: NodeKind = NodeKind {
    name: "port",
    doc: "A port of TCP or UDP, by what waits there: asked of a booted container, or of a node. In a \
          container it is the image's own network, without the node's addresses. Several values are a \
          choice, one of which is among what is found.",
    args: &[Field::required("number", "1 to 65535", "the port")],
    props: &[TARGET],
    children: &[
        Child::new("listening", "something waits there"),
        Child::new("protocol", "`\"tcp\"`, `\"tcp6\"`, `\"udp\"`, `\"udp6\"`, as netstat has them"),
        Child::new(
            "process",
            "the name of a process that waits there, of which the kernel keeps 15 characters",
        ),
        Child::new("address", "an address that it waits at, `\"0.0.0.0\"` and `\"::\"` for all"),
        NOT,
    ],
    example: "port 6818 { listening; protocol \"tcp\"; process \"slurmd\"; not { protocol \"udp\" } }",
};

/// `process`.
pub const PROCESS: NodeKind = NodeKind {
    name: "process",
    doc: "What runs under a name: asked of a booted container, or of a node. It is the name that the kernel \
          has, as `ps -o comm` shows it, and of a longer one the first 15 characters. What has ended and \
          nobody has waited for does not run.",
    args: &[Field::required("name", "text", "the name")],
    props: &[TARGET],
    children: &[
        Child::new("running", "at least one of the name runs"),
        Child::new(
            "user",
            "who runs it; several values are a choice, one of which is among what is found",
        ),
        NOT,
    ],
    example: "process \"slurmd\" { running; user \"root\" }",
};

/// `filesystem`.
pub const FILESYSTEM: NodeKind = NodeKind {
    name: "filesystem",
    doc: "The file system that a path is on, as df(1) shows it. Only a node has its own: no image is judged \
          by it, but `forgec controls run --node`.",
    args: &[Field::required("path", "absolute path", "a path on it")],
    props: &[TARGET],
    children: &[
        Child::new("type", "its type, `\"beegfs\"`"),
        Child::new("size", "its size in bytes: `size min=1000000000000`"),
        Child::new("free", "how many bytes are free for everybody"),
        NOT,
    ],
    example: "filesystem \"/scratch\" { type \"beegfs\"; free min=1000000000 }",
};

/// `command`.
pub const COMMAND: NodeKind = NodeKind {
    name: "command",
    doc: "A line for `/bin/sh -c` in a container of the image that leaves no trace.",
    args: &[Field::required("line", "text", "the line")],
    props: &[
        TARGET,
        Field::default(
            "timeout",
            "seconds or minutes, `\"30s\"`, `\"2m\"`",
            "\"60s\"",
            "a command that takes longer is an error",
        ),
    ],
    children: &[
        Child::new("exit-status", "the number that it ends with"),
        Child::new("stdout", "what it prints, compared as `content` is"),
        Child::new("stderr", "what it prints as errors"),
        NOT,
    ],
    example: "command \"getent hosts localhost\" timeout=\"5s\" { exit-status 0 }",
};

/// `packages-absent`.
pub const PACKAGES_ABSENT: NodeKind = NodeKind {
    name: "packages-absent",
    doc: "None of these packages is installed: short for a `package` with `not { installed }` each.",
    args: &[Field::required("name", "name", "one or more packages")],
    props: &[],
    children: &[],
    example: "packages-absent \"telnetd\" \"rsh-server\" \"xinetd\"",
};

/// `for-each`.
pub const FOR_EACH: NodeKind = NodeKind {
    name: "for-each",
    doc: "What stands in it must hold for each of the values, read by the name as `${name}`. A list of the profile is passed on as `\"${list}\"` alone.",
    args: &[
        Field::required("name", "name", "what the value is called"),
        Field::required("value", "text", "one or more values"),
    ],
    props: &[],
    children: CHECKS,
    example: "for-each \"path\" \"/etc/passwd\" \"/etc/group\" {\n    file \"${path}\" { owner \"root\"; mode max=\"0644\" }\n}",
};

/// `any-of`.
pub const ANY_OF: NodeKind = NodeKind {
    name: "any-of",
    doc: "One of the demands in it must hold whole.",
    args: &[],
    props: &[],
    children: CHECKS,
    example: "any-of {\n    file \"/etc/cron.allow\" { exists }\n    package \"cron\" { not { installed } }\n}",
};

/// `only-if`.
pub const ONLY_IF: NodeKind = NodeKind {
    name: "only-if",
    doc: "The control counts only where all of this holds; elsewhere it is skipped.",
    args: &[],
    props: &[],
    children: CHECKS,
    example: "only-if { package \"openssh-server\" { installed } }",
};

const CHECKS: &[Child] = &[
    Child::new("any-of", "one of these must hold whole"),
    Child::new("for-each", "the same for several values"),
    Child::new("packages-absent", "packages that must not be there"),
    Child::new("file", "a path of the image"),
    Child::new("package", "a package"),
    Child::new("user", "an account"),
    Child::new("group", "a group"),
    Child::new("service", "a systemd unit"),
    Child::new("kernel-parameter", "a kernel parameter"),
    Child::new("kernel-module", "a kernel module"),
    Child::new("sshd-config", "what the SSH server is told"),
    Child::new("mount", "a mount point"),
    Child::new("port", "what waits at a port"),
    Child::new("process", "what runs under a name"),
    Child::new("filesystem", "the file system of a path"),
    Child::new("command", "a program of the image"),
];

/// The kind of a resource's node.
pub(crate) fn resource(name: &str) -> Option<&'static NodeKind> {
    RESOURCES.into_iter().find(|kind| kind.name == name)
}

/// The kinds of resources' nodes.
pub(crate) const RESOURCES: [&NodeKind; 13] = [
    &FILE,
    &PACKAGE,
    &USER,
    &GROUP,
    &SERVICE,
    &KERNEL_PARAMETER,
    &KERNEL_MODULE,
    &SSHD_CONFIG,
    &MOUNT,
    &PORT,
    &PROCESS,
    &FILESYSTEM,
    &COMMAND,
];
