//! The dependency descriptor (AV1 RTP specification, appendix A): which frames of a stream who needs,
//! told in an RTP header extension and so for any codec, encrypted or not.
//!
//! In come the extension's bytes, packet by packet; out goes what forwarding must know of the frame.
//! What a stream's frames look like (its templates and decode targets) stands in the descriptor of its
//! keyframes alone and is remembered here. Knows no packet, no subscriber and no payload.

mod targets;

use std::sync::Arc;

pub use self::targets::ActiveTargets;
use self::targets::Target;
use super::bits::Bits;

const TEMPLATES: usize = 64;
const TARGETS: usize = 32;
/// A.8.1: temporal layers of a decode target.
const MOST_TEMPORAL: u8 = 8;
const MOST_SPATIAL: u8 = 8;

// Decode target indications (A.8.3), but for R (3), "required".
const NOT_PRESENT: u8 = 0;
const SWITCH: u8 = 2;

/// What a descriptor says of the frame that its packet belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameDependencies {
    pub number: u16,
    pub starts_frame: bool,
    pub ends_frame: bool,
    pub spatial_layer: u8,
    pub temporal_layer: u8,
    /// The lowest temporal layer whose receivers need the frame, of its own spatial layer.
    pub needed_from: u8,
    /// Whoever has the frame can go on with temporal layers up to this one, 255 being all.
    pub opens_to: Option<u8>,
    /// By spatial layer: whoever is sent the layers up to it needs the frame. Beyond the highest layer
    /// that is sent now as for that.
    pub serves: u8,
    /// By spatial layer: whoever can decode the frame can go on with the layers up to it.
    pub opens: u8,
    /// The highest spatial layer that is sent now.
    pub top: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DescriptorError {
    /// It ends within its fields.
    Truncated,
    /// A value that the specification forbids.
    Malformed,
    /// It refers to a structure that did not come, or to one that came later.
    UnknownStructure,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Layers {
    spatial: u8,
    temporal: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Template {
    layers: Layers,
    indications: Indications,
}

/// One of each decode target, two bits each, the first in the lowest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Indications(u64);

impl Indications {
    fn read(bits: &mut Bits<'_>, targets: usize) -> Option<Self> {
        let mut indications = 0;
        for target in 0..targets {
            indications |= u64::from(bits.read(2)?) << (2 * target);
        }
        Some(Self(indications))
    }

    fn of(self, target: usize) -> u8 {
        (self.0 >> (2 * target)) as u8 & 3
    }
}

/// The template dependency structure (A.8.2).
#[derive(Clone, Debug, PartialEq, Eq)]
struct Structure {
    /// Of the first template.
    id: u8,
    templates: Vec<Template>,
    /// The layers that each decode target is made of.
    targets: Vec<Layers>,
    /// The same, as who leaves layers out must know them.
    whole: Arc<[Target]>,
    chains: u32,
    spatial_layers: u8,
    /// The largest picture, where it is told.
    resolution: Option<(u16, u16)>,
}

/// Of one stream.
#[derive(Clone, Debug, Default)]
pub struct Dependencies {
    structure: Option<Structure>,
    /// The frame that brought it.
    since: u16,
    /// Decode targets that are sent, one bit each.
    active: u32,
    /// Of the frame that told them.
    active_since: u16,
    /// Of the last descriptor that was read.
    told: Option<ActiveTargets>,
}

/// The fields before the frame's own (A.8.2: mandatory and extended).
struct Head {
    starts_frame: bool,
    ends_frame: bool,
    template: u8,
    number: u16,
    has_structure: bool,
    has_active_targets: bool,
    has_indications: bool,
    has_references: bool,
    has_chains: bool,
}

impl Head {
    fn read(bits: &mut Bits<'_>, is_extended: bool) -> Option<Self> {
        let [starts_frame, ends_frame] = [bits.bit()?, bits.bit()?];
        let (template, number) = (bits.read(6)? as u8, bits.read(16)? as u16);
        let mut flag = || if is_extended { bits.bit() } else { Some(false) };
        Some(Self {
            starts_frame,
            ends_frame,
            template,
            number,
            has_structure: flag()?,
            has_active_targets: flag()?,
            has_indications: flag()?,
            has_references: flag()?,
            has_chains: flag()?,
        })
    }
}

impl Dependencies {
    /// Reads the descriptor of the next packet. What is refused changes nothing.
    ///
    /// # Errors
    /// It is not well-formed, or refers to what is not known.
    pub fn read(&mut self, data: &[u8]) -> Result<FrameDependencies, DescriptorError> {
        self.told = None;
        let bits = &mut Bits::new(data);
        let head = Head::read(bits, data.len() > 3).ok_or(DescriptorError::Truncated)?;
        let attached = match head.has_structure {
            true => Some(Structure::read(bits)?),
            false => None,
        };
        let structure = attached.as_ref().or(self.structure.as_ref());
        let structure = structure.ok_or(DescriptorError::UnknownStructure)?;
        if attached.is_none() && is_before(head.number, self.since) {
            return Err(DescriptorError::UnknownStructure);
        }
        let targets = structure.targets.len();
        // Without the extended part it would follow the flags of that.
        let at = bits.position().max(29);
        let mut active = None;
        if head.has_active_targets {
            let told = bits
                .read(targets as u32)
                .ok_or(DescriptorError::Truncated)?;
            active = Some(told);
        } else if attached.is_some() {
            active = Some(u32::MAX >> (TARGETS - targets));
        }
        let template = structure.template(head.template)?;
        let indications = structure
            .read_own(bits, &head)
            .ok_or(DescriptorError::Truncated)?
            .unwrap_or(template.indications);
        if let Some(attached) = attached {
            self.since = head.number;
            self.active_since = head.number;
            self.structure = Some(attached);
        }
        if let Some(active) = active.filter(|_| !is_before(head.number, self.active_since)) {
            self.active = active;
            self.active_since = head.number;
        }
        for since in [&mut self.since, &mut self.active_since] {
            follow(since, head.number);
        }
        let frame = self.describe(&head, template.layers, indications);
        self.told = self.structure.as_ref().map(|structure| ActiveTargets {
            targets: Arc::clone(&structure.whole),
            active: self.active,
            top: self.highest_sent(),
            at,
            has_mask: head.has_active_targets,
            has_structure: head.has_structure,
        });
        Ok(frame)
    }

    /// What the last descriptor that was read says of the stream's decode targets, where there are
    /// several.
    pub fn take_targets(&mut self) -> Option<ActiveTargets> {
        self.told.take().filter(|told| told.targets.len() > 1)
    }

    /// The highest spatial layer that some active target has.
    fn highest_sent(&self) -> u8 {
        let targets = self.structure.iter().flat_map(|held| &held.targets);
        let active = targets.enumerate();
        let active = active.filter(|(target, _)| self.active & 1 << target != 0);
        active.map(|(_, layers)| layers.spatial).max().unwrap_or(0)
    }

    /// Spatial layers that its stream may have; 1 until a structure came.
    pub fn spatial_layers(&self) -> u8 {
        self.structure
            .as_ref()
            .map_or(1, |structure| structure.spatial_layers)
    }

    /// Its spatial layers begin together, with a frame that all of them need: they are several
    /// sizes of one stream, not several streams.
    pub fn is_layered(&self) -> bool {
        let is_common = |structure: &Structure| {
            let targets = 0..structure.targets.len();
            let is_needed = |template: &Template, target| {
                template.layers.spatial == 0 && template.indications.of(target) != NOT_PRESENT
            };
            structure
                .templates
                .iter()
                .any(|template| targets.clone().all(|target| is_needed(template, target)))
        };
        self.structure.as_ref().is_some_and(is_common)
    }

    pub fn resolution(&self) -> Option<(u16, u16)> {
        self.structure.as_ref()?.resolution
    }

    fn describe(&self, head: &Head, layers: Layers, indications: Indications) -> FrameDependencies {
        let targets = self
            .structure
            .as_ref()
            .map_or(&[][..], |held| &held.targets);
        let is_active = |target: usize| self.active & 1 << target != 0;
        let (mut serves, mut opens, mut sent) = (0u8, 0u8, 0u8);
        let (mut needed_from, mut opens_to) = (layers.temporal, None);
        let mut highest = 0;
        for (target, made_of) in targets.iter().enumerate() {
            let spatial = 1 << made_of.spatial;
            if is_active(target) {
                sent |= spatial;
            }
            let is_own = made_of.spatial == layers.spatial;
            if is_own {
                highest = highest.max(made_of.temporal);
            }
            let indication = indications.of(target);
            if indication == NOT_PRESENT {
                continue;
            }
            serves |= spatial;
            if is_own {
                needed_from = needed_from.min(made_of.temporal);
            }
            if indication == SWITCH {
                opens |= spatial;
                if is_own {
                    opens_to = opens_to.max(Some(made_of.temporal));
                }
            }
        }
        // Nothing is active where nothing is sent: but this frame is.
        let top = 7 - (sent | 1 << layers.spatial).leading_zeros() as u8;
        FrameDependencies {
            number: head.number,
            starts_frame: head.starts_frame,
            ends_frame: head.ends_frame,
            spatial_layer: layers.spatial,
            temporal_layer: layers.temporal,
            needed_from,
            opens_to: opens_to.map(|to| if to == highest { u8::MAX } else { to }),
            serves: beyond_as_top(serves, top),
            opens: beyond_as_top(opens, top),
            top,
        }
    }
}

/// One bit a spatial layer: those beyond the highest that is sent as that one's.
pub(crate) fn beyond_as_top(mask: u8, top: u8) -> u8 {
    let beyond = u8::MAX << top;
    match mask >> top & 1 {
        0 => mask & !beyond,
        _ => mask | beyond,
    }
}

/// Frame numbers are of 16 bits and go round.
fn is_before(number: u16, other: u16) -> bool {
    (number.wrapping_sub(other) as i16) < 0
}

/// A mark that stayed behind would seem to lie ahead once the numbers have gone half round.
fn follow(mark: &mut u16, number: u16) {
    const BEHIND: u16 = 1 << 14;
    if !is_before(number, mark.wrapping_add(BEHIND)) {
        *mark = number.wrapping_sub(BEHIND);
    }
}

impl Structure {
    fn read(bits: &mut Bits<'_>) -> Result<Self, DescriptorError> {
        const TRUNCATED: DescriptorError = DescriptorError::Truncated;
        let id = bits.read(6).ok_or(TRUNCATED)? as u8;
        let targets = bits.read(5).ok_or(TRUNCATED)? as usize + 1;
        let layers = read_template_layers(bits)?;
        let mut templates = Vec::with_capacity(layers.len());
        for layers in layers {
            let indications = Indications::read(bits, targets).ok_or(TRUNCATED)?;
            templates.push(Template {
                layers,
                indications,
            });
        }
        for _ in &templates {
            skip_template_references(bits).ok_or(TRUNCATED)?;
        }
        let chains = skip_template_chains(bits, targets, templates.len()).ok_or(TRUNCATED)?;
        let most_spatial = templates
            .iter()
            .map(|template| template.layers.spatial)
            .max();
        let spatial_layers = most_spatial.unwrap_or(0) + 1;
        let resolution = read_resolution(bits, spatial_layers).ok_or(TRUNCATED)?;
        let layers_of = |target| {
            let present = |template: &&Template| template.indications.of(target) != NOT_PRESENT;
            let layers = templates
                .iter()
                .filter(present)
                .map(|template| template.layers);
            layers.fold(Layers::default(), |most, layers| Layers {
                spatial: most.spatial.max(layers.spatial),
                temporal: most.temporal.max(layers.temporal),
            })
        };
        let targets: Vec<_> = (0..targets).map(layers_of).collect();
        let whole = (0..targets.len()).map(|target| Target::of(target, &targets, &templates));
        Ok(Self {
            whole: whole.collect(),
            id,
            templates,
            targets,
            chains,
            spatial_layers,
            resolution,
        })
    }

    fn template(&self, id: u8) -> Result<Template, DescriptorError> {
        let index = (id + TEMPLATES as u8 - self.id) % TEMPLATES as u8;
        let template = self.templates.get(usize::from(index));
        template.copied().ok_or(DescriptorError::UnknownStructure)
    }

    /// What the frame has of its own instead of its template's: indications, references, chains.
    /// The latter two are of no use here but must be there.
    fn read_own(&self, bits: &mut Bits<'_>, head: &Head) -> Option<Option<Indications>> {
        let mut indications = None;
        if head.has_indications {
            indications = Some(Indications::read(bits, self.targets.len())?);
        }
        if head.has_references {
            loop {
                match bits.read(2)? {
                    0 => break,
                    size => bits.skip(4 * size)?,
                }
            }
        }
        if head.has_chains {
            bits.skip(8 * self.chains)?;
        }
        Some(indications)
    }
}

fn read_template_layers(bits: &mut Bits<'_>) -> Result<Vec<Layers>, DescriptorError> {
    let mut layers = Layers::default();
    let mut all = Vec::new();
    loop {
        if all.len() == TEMPLATES
            || layers.spatial >= MOST_SPATIAL
            || layers.temporal >= MOST_TEMPORAL
        {
            return Err(DescriptorError::Malformed);
        }
        all.push(layers);
        // next_layer_idc
        match bits.read(2).ok_or(DescriptorError::Truncated)? {
            0 => {}
            1 => layers.temporal += 1,
            2 => {
                layers = Layers {
                    spatial: layers.spatial + 1,
                    temporal: 0,
                }
            }
            _ => return Ok(all),
        }
    }
}

fn skip_template_references(bits: &mut Bits<'_>) -> Option<()> {
    while bits.bit()? {
        bits.skip(4)?;
    }
    Some(())
}

/// Their number.
fn skip_template_chains(bits: &mut Bits<'_>, targets: usize, templates: usize) -> Option<u32> {
    let chains = read_non_symmetric(bits, targets as u32 + 1)?;
    if chains > 0 {
        for _ in 0..targets {
            read_non_symmetric(bits, chains)?;
        }
        bits.skip(4 * chains * templates as u32)?;
    }
    Some(chains)
}

/// Outside `None`: truncated; inside: not told.
fn read_resolution(bits: &mut Bits<'_>, spatial_layers: u8) -> Option<Option<(u16, u16)>> {
    if !bits.bit()? {
        return Some(None);
    }
    let mut largest = (0, 0);
    for _ in 0..spatial_layers {
        let [width, height] = [bits.read(16)? + 1, bits.read(16)? + 1];
        largest = largest.max((width, height));
    }
    let fits =
        |(width, height): (u32, u32)| Some((width.try_into().ok()?, height.try_into().ok()?));
    Some(fits(largest))
}

/// ns(n) of the AV1 specification, §4.10.7: a value below `count`.
fn read_non_symmetric(bits: &mut Bits<'_>, count: u32) -> Option<u32> {
    let width = u32::BITS - count.leading_zeros();
    let shorter = (1 << width) - count;
    let value = bits.read(width - 1)?;
    if value < shorter {
        return Some(value);
    }
    Some((value << 1) - shorter + u32::from(bits.bit()?))
}

#[cfg(test)]
mod tests;
