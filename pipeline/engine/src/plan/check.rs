//! The check of pipelines: every stage exists, every neighbour fits, nothing is missing.

use std::collections::BTreeMap;

use scribed_plugin_host::Kind;

use super::{PipelineConfig, Plan, PlannedStage, StageConfig, StageShape};

/// What does not fit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PlanError {
    /// There is no pipeline at all.
    #[error("there is no pipeline; add a [[pipelines]] section")]
    NoPipeline,
    /// Two pipelines have one name.
    #[error("there are two pipelines named {0:?}")]
    TwoOfOneName(String),
    /// Something is wrong with one pipeline.
    #[error("pipeline {pipeline:?}: {misfit}")]
    Misfit {
        /// Its name.
        pipeline: String,
        /// What is wrong, in one sentence that names the stages.
        misfit: String,
    },
}

/// Checks and splits all pipelines.
pub(super) fn plans(
    pipelines: &[PipelineConfig],
    stages: &[StageShape],
) -> Result<BTreeMap<String, Plan>, PlanError> {
    let mut plans = BTreeMap::new();
    for pipeline in pipelines {
        let name = || pipeline.name.clone();
        let plan = plan(pipeline, stages)
            .map_err(|misfit| PlanError::Misfit { pipeline: name(), misfit })?;
        if plans.insert(name(), plan).is_some() {
            return Err(PlanError::TwoOfOneName(name()));
        }
    }
    if plans.is_empty() { Err(PlanError::NoPipeline) } else { Ok(plans) }
}

/// Checks and splits one pipeline.
fn plan(pipeline: &PipelineConfig, stages: &[StageShape]) -> Result<Plan, String> {
    let mut growing = Growing::new(&pipeline.name);
    for (index, stage) in pipeline.stages.iter().enumerate() {
        let shape = stages.iter().find(|shape| shape.id == stage.stage);
        let shape = shape.ok_or_else(|| unknown(index, stage, stages))?;
        growing.add(index, stage, shape)?;
    }
    growing.finish()
}

/// Says that a stage does not exist.
fn unknown(index: usize, stage: &StageConfig, stages: &[StageShape]) -> String {
    let mut known: Vec<&str> = stages.iter().map(|shape| shape.id.as_str()).collect();
    known.sort_unstable();
    let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
    format!("stage {} {} is unknown; loaded are: {known}", index + 1, stage.stage)
}

/// A plan while its stages are added.
struct Growing<'a> {
    plan: Plan,
    /// What the trunk carries so far, and the stage that emits it.
    carries: Kind,
    emitter: Option<&'a str>,
}

impl<'a> Growing<'a> {
    fn new(name: &str) -> Self {
        let plan = Plan {
            name: name.to_owned(),
            head: Vec::new(),
            recogniser: Vec::new(),
            renderers: BTreeMap::new(),
        };
        Self { plan, carries: Kind::Media, emitter: None }
    }

    fn add(
        &mut self,
        index: usize,
        stage: &'a StageConfig,
        shape: &StageShape,
    ) -> Result<(), String> {
        let label = format!("stage {} {}", index + 1, stage.stage);
        self.check_neighbour(&label, shape)?;
        check_direction(&label, shape)?;
        let planned = PlannedStage {
            id: stage.stage.clone(),
            group: stage.group.clone(),
            config: stage.config.clone(),
            job_options: shape.job_options(),
        };
        if shape.emits == Kind::Document {
            return self.add_renderer(&label, stage, planned);
        }
        if stage.format.is_some() {
            return Err(format!("{label} has a format but emits {}", shape.emits));
        }
        if !self.plan.renderers.is_empty() {
            return Err(format!("{label} must stand before the stages that make documents"));
        }
        let in_head =
            matches!(shape.accepts, Kind::Media | Kind::Audio) || shape.emits == Kind::Chunk;
        let part = if in_head { &mut self.plan.head } else { &mut self.plan.recogniser };
        check_group(&label, &planned, part)?;
        part.push(planned);
        (self.carries, self.emitter) = (shape.emits, Some(stage.stage.as_str()));
        Ok(())
    }

    fn check_neighbour(&self, label: &str, shape: &StageShape) -> Result<(), String> {
        if shape.accepts == self.carries {
            return Ok(());
        }
        let accepts = shape.accepts;
        Err(match self.emitter {
            Some(emitter) => {
                format!("{label} accepts {accepts} but {emitter} emits {}", self.carries)
            }
            None => format!("{label} accepts {accepts} but a pipeline begins with MEDIA"),
        })
    }

    fn add_renderer(
        &mut self,
        label: &str,
        stage: &StageConfig,
        planned: PlannedStage,
    ) -> Result<(), String> {
        let Some(format) = &stage.format else {
            return Err(format!(
                "{label} makes documents and needs a format, e.g. format = \"txt\""
            ));
        };
        if self.plan.renderers.insert(format.clone(), planned).is_some() {
            return Err(format!("{label} makes {format:?}, and so does a stage before it"));
        }
        Ok(())
    }

    fn finish(self) -> Result<Plan, String> {
        match (self.carries, self.emitter) {
            (Kind::Segments, _) => Ok(self.plan),
            (_, None) => Err("it has no stages".to_owned()),
            (carries, Some(emitter)) => {
                Err(format!("it ends with {carries} of {emitter}; a stage to SEGMENTS is missing"))
            }
        }
    }
}

/// Refuses a stage that names another group than those with which it shares a process.
fn check_group(label: &str, stage: &PlannedStage, before: &[PlannedStage]) -> Result<(), String> {
    let Some(group) = &stage.group else { return Ok(()) };
    let named = |before: &PlannedStage| Some((before.id.clone(), before.group.clone()?));
    match before.iter().find_map(named).filter(|(_, other)| other != group) {
        None => Ok(()),
        Some((id, other)) => Err(format!(
            "{label} names the group {group:?} but {id} names {other:?}; they run in one process"
        )),
    }
}

/// Refuses stages that lead backwards or skip what the engine must see.
fn check_direction(label: &str, shape: &StageShape) -> Result<(), String> {
    use Kind::{Audio, Chunk, Document, Media, Segments};
    match (shape.accepts, shape.emits) {
        (Media | Audio, Audio | Chunk)
        | (Chunk, Chunk | Segments)
        | (Segments, Segments | Document) => Ok(()),
        (accepts, emits) => {
            Err(format!("{label} leads from {accepts} to {emits}, which no pipeline can use"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Options, Plans};
    use super::Kind::{Audio, Chunk, Document, Media, Segments};
    use super::*;

    fn shapes() -> Vec<StageShape> {
        let shape = |id: &str, accepts, emits| StageShape {
            id: id.to_owned(),
            accepts,
            emits,
            config_schema: serde_json::Value::Null,
        };
        vec![
            shape("decode", Media, Audio),
            shape("resample", Audio, Audio),
            shape("vad", Audio, Chunk),
            shape("denoise", Chunk, Chunk),
            shape("whisper", Chunk, Segments),
            shape("redact", Segments, Segments),
            shape("text", Segments, Document),
        ]
    }

    fn pipeline(stages: &[&str]) -> PipelineConfig {
        let stage = |id: &&str| match id.split_once('=') {
            Some((id, format)) => StageConfig::renderer(id, format),
            None => StageConfig::new(*id),
        };
        PipelineConfig { name: "default".into(), stages: stages.iter().map(stage).collect() }
    }

    #[track_caller]
    fn misfit(stages: &[&str], expected: &str) {
        let refused = Plans::from_shapes(&[pipeline(stages)], &shapes());
        let sentence = refused.expect_err("the pipeline must be refused").to_string();
        assert_eq!(sentence, format!("pipeline \"default\": {expected}"));
    }

    fn ids(part: &crate::runner::Part) -> Vec<&str> {
        part.stages.iter().map(|call| call.stage.as_str()).collect()
    }

    #[test]
    fn a_pipeline_falls_into_head_recogniser_and_renderers() {
        let stages =
            ["decode", "resample", "vad", "denoise", "whisper", "redact", "text=txt", "text=md"];
        let plans = Plans::from_shapes(&[pipeline(&stages)], &shapes()).expect("it fits");
        let plan = plans.plan(None).expect("there is a default");
        let options = Options::default();
        assert_eq!(ids(&plan.head(&options)), ["decode", "resample", "vad", "denoise"]);
        assert_eq!(ids(&plan.recogniser(&options)), ["whisper", "redact"]);
        assert_eq!(plan.formats().collect::<Vec<_>>(), ["md", "txt"]);
        assert!(plan.renderer("docx", &options).is_none());
    }

    #[test]
    fn neighbours_that_do_not_fit_are_named() {
        misfit(
            &["decode", "resample", "whisper"],
            "stage 3 whisper accepts CHUNK but resample emits AUDIO",
        );
        misfit(&["vad"], "stage 1 vad accepts AUDIO but a pipeline begins with MEDIA");
    }

    #[test]
    fn an_unknown_stage_is_named_with_those_that_are_loaded() {
        misfit(
            &["decode", "vda"],
            "stage 2 vda is unknown; loaded are: decode, denoise, redact, resample, text, vad, \
             whisper",
        );
    }

    #[test]
    fn a_pipeline_without_a_recogniser_is_refused() {
        misfit(&["decode", "vad"], "it ends with CHUNK of vad; a stage to SEGMENTS is missing");
        misfit(&[], "it has no stages");
    }

    #[test]
    fn formats_belong_to_stages_that_make_documents_and_are_unique() {
        misfit(&["decode=wav"], "stage 1 decode has a format but emits AUDIO");
        let trunk = ["decode", "vad", "whisper"];
        misfit(
            &[&trunk[..], &["text"]].concat(),
            "stage 4 text makes documents and needs a format, e.g. format = \"txt\"",
        );
        misfit(
            &[&trunk[..], &["text=txt", "text=txt"]].concat(),
            "stage 5 text makes \"txt\", and so does a stage before it",
        );
        misfit(
            &[&trunk[..], &["text=txt", "redact"]].concat(),
            "stage 5 redact must stand before the stages that make documents",
        );
    }

    #[test]
    fn a_part_runs_in_the_group_that_its_stages_name() {
        let mut configured = pipeline(&["decode", "resample", "vad", "whisper", "text=txt"]);
        configured.stages[1].group = Some("isolated".into());
        configured.stages[4].group = Some("paper".into());
        let plans = Plans::from_shapes(std::slice::from_ref(&configured), &shapes()).unwrap();
        let (plan, options) = (plans.plan(None).unwrap(), Options::default());
        assert_eq!(plan.head(&options).group.as_deref(), Some("isolated"));
        assert_eq!(plan.first(&options).group.as_deref(), Some("isolated"));
        assert_eq!(plan.recogniser(&options).group, None);
        assert_eq!(plan.renderer("txt", &options).unwrap().group.as_deref(), Some("paper"));

        configured.stages[2].group = Some("other".into());
        let refused = Plans::from_shapes(&[configured], &shapes()).unwrap_err().to_string();
        assert!(
            refused.ends_with(
                "stage 3 vad names the group \"other\" but resample names \"isolated\"; they run \
                 in one process"
            ),
            "{refused}"
        );
    }

    #[test]
    fn two_pipelines_of_one_name_and_none_at_all_are_refused() {
        let one = pipeline(&["decode", "vad", "whisper"]);
        let twice = Plans::from_shapes(&[one.clone(), one], &shapes());
        assert_eq!(twice.err(), Some(PlanError::TwoOfOneName("default".into())));
        assert_eq!(Plans::from_shapes(&[], &shapes()).err(), Some(PlanError::NoPipeline));
    }
}
