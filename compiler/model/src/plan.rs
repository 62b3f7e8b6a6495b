use serde::{Deserialize, Serialize};

use crate::{Action, Digest, ExpectFailed, Key, Origin, OutputSettings};

/// Index of a node in [`Plan::nodes`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct NodeId(pub u32);

/// What is to be done, as data: nodes in an order in which each comes after its inputs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// The nodes; equal plan keys are one node, shared by several images. They are large and come one
    /// by one: a list that grows would copy them.
    pub nodes: Vec<Box<Node>>,
    /// The images, by name.
    pub images: Vec<Image>,
}

impl Plan {
    /// The node of this id.
    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.0 as usize]
    }

    /// The layers that a node stands on, from the bottom up, the node itself left out.
    pub fn stack_below(&self, id: NodeId) -> Vec<NodeId> {
        let lower = |id: NodeId| {
            let lower = |edge: &&Edge| edge.role == EdgeRole::Lower;
            self.node(id).inputs.iter().find(lower).map(|edge| edge.node)
        };
        let mut stack: Vec<_> = std::iter::successors(lower(id), |id| lower(*id)).collect();
        stack.reverse();
        stack
    }

    /// The plan key of a node, with its fields.
    pub fn key(&self, id: NodeId) -> Key {
        let node = self.node(id);
        let mut key = node.action.key_builder();
        for edge in &node.inputs {
            key.digest(edge.role.field(), &self.node(edge.node).key);
        }
        key.finish()
    }

    /// The input of a node in this role.
    pub fn input(&self, id: NodeId, role: EdgeRole) -> Option<NodeId> {
        self.node(id).inputs.iter().find(|edge| edge.role == role).map(|edge| edge.node)
    }

    /// The fetched files that a node uses, in its own order.
    pub fn sources(&self, id: NodeId) -> impl Iterator<Item = NodeId> {
        let edges = self.node(id).inputs.iter().filter(|edge| edge.role == EdgeRole::Source);
        edges.map(|edge| edge.node)
    }

    /// The image of this name.
    pub fn image(&self, name: &str) -> Option<&Image> {
        self.images.iter().find(|image| image.name == name)
    }
}

/// One step of a plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Node {
    /// Its index.
    pub id: NodeId,
    /// For people, unique within an image: `slurm-client/packages`, `base`, `stamp`.
    pub label: String,
    /// What it does.
    pub action: Action,
    /// What it stands on.
    pub inputs: Vec<Edge>,
    /// The digest of its portable key: own fields and inputs' plan keys, no store needed. The
    /// fields are [`Plan::key`].
    pub key: Digest,
    /// The digest of its own fields, without any input.
    pub own: Digest,
    /// The nodes of the spec that it comes from, the foremost first. Changes have their own: see
    /// [`Node::places`].
    pub origins: Vec<Origin>,
    /// Names of the images that use it.
    pub images: Vec<String>,
}

impl Node {
    /// Every place of the spec that it comes from, each once, the foremost first.
    pub fn places(&self) -> Vec<&Origin> {
        let changes = match &self.action {
            Action::Changes(changes) => changes.changes.as_slice(),
            _ => &[],
        };
        let mut places = Vec::new();
        for origin in self.origins.iter().chain(changes.iter().map(|change| &change.origin)) {
            if !places.contains(&origin) {
                places.push(origin);
            }
        }
        places
    }
}

/// An input of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Edge {
    /// The input.
    pub node: NodeId,
    /// What it is to the node.
    pub role: EdgeRole,
}

/// What an input is to a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum EdgeRole {
    /// A layer below, from the bottom up in the order of the edges.
    Lower,
    /// The resolved package list to install.
    List,
    /// A resolved list whose packages count as installed.
    Installed,
    /// A fetched file.
    Source,
    /// A verdict that must not block.
    Verdict,
}

impl EdgeRole {
    /// The name of the field that an input of this role is in a key.
    pub fn field(self) -> &'static str {
        match self {
            Self::Lower => "input: the layers below",
            Self::List => "input: the package list",
            Self::Installed => "input: the packages installed before",
            Self::Source => "input: a fetched file",
            Self::Verdict => "input: a verdict",
        }
    }
}

/// One image of a plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Image {
    /// Its name, `summit-compute`.
    pub name: String,
    /// Its cluster, `summit`.
    pub cluster: String,
    /// Its type, `compute`.
    pub image_type: String,
    /// Debian's name of the architecture.
    pub arch: String,
    /// Where it is declared.
    pub origin: Origin,
    /// All its layers from the bottom up, secrets and stamp included.
    pub layers: Vec<NodeId>,
    /// The layers that its digest and its controls are keyed by: no secrets, no stamp.
    pub tree: Vec<NodeId>,
    /// The secrets layer, when it delivers one.
    pub secrets: Option<NodeId>,
    /// The stamp.
    pub stamp: NodeId,
    /// Verdict nodes.
    pub verdicts: Vec<NodeId>,
    /// The packed output, when one is declared.
    pub pack: Option<NodeId>,
    /// The kernel's command line, when a kernel is declared.
    pub cmdline: Option<String>,
    /// The output's settings.
    pub output: Option<OutputSettings>,
    /// Units that may and must fail in a booted container.
    pub expect_failed: Vec<ExpectFailed>,
    /// Control results known from the spec alone.
    pub spec_verdicts: Vec<crate::Verdict>,
    /// Waivers of its controls. They are in no key: a control is judged whether it is waived or
    /// not, and what a waiver means is told on the day of the report.
    pub waivers: Vec<crate::Waiver>,
}

impl Image {
    /// All its nodes.
    pub fn nodes(&self) -> impl Iterator<Item = NodeId> {
        let Self { layers, tree, secrets, stamp, verdicts, pack, .. } = self;
        let one = secrets.iter().chain([stamp]).chain(pack);
        layers.iter().chain(tree).chain(verdicts).chain(one).copied()
    }

    /// A name that only this image's plan has: the digest over its nodes' plan keys.
    pub fn plan_digest(&self, plan: &Plan) -> Digest {
        let mut bytes = Vec::new();
        for id in self.layers.iter().chain(&self.verdicts).chain(&self.pack) {
            bytes.extend_from_slice(plan.node(*id).key.as_bytes());
        }
        Digest::of(&bytes)
    }
}
