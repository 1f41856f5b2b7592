//! The features: what can speak for or against a line being a record, numbered without gaps so that weights are a plain table.
//!
//! A feature is a name with up to three dimensions; each combination of values has its own number and weight. Adding one: a line in
//! the table below, a call in `evidence`, `second` or `origin`, and a new fit (`tests/extra/fit`). Numbers change with the table;
//! weights are kept by name.

use crate::lex::shape::Form;

/// Classes of forms: [`form_class`].
pub(crate) const FORMS: u16 = 10;
const KINDS: u16 = 11;
const LABELS: u16 = 9;
const SECTIONS: u16 = 9;
const POLARITIES: u16 = 5;
/// What stands beside a line: an end of the file, a blank, or one of eight structures.
const BESIDE: u16 = 10;

macro_rules! features {
    ($($name:ident($a:expr, $b:expr, $c:expr),)*) => {
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[repr(u16)]
        pub(crate) enum Feature { $($name,)* }

        impl Feature {
            const DIMENSIONS: &[[u16; 3]] = &[$([$a, $b, $c],)*];
            const NAMES: &[&str] = &[$(stringify!($name),)*];
            const ALL: &[Feature] = &[$(Feature::$name,)*];
        }
    };
}

features! {
    Bias(1, 1, 1),
    Form(Form::COUNT as u16, 1, 1),
    Kind(KINDS, 1, 1),
    FormIdWhen(FORMS, 2, 2),
    FormMark(FORMS, POLARITIES, 1),
    IdMark(2, POLARITIES, 1),
    RowLike(2, POLARITIES, 1),
    Iteration(2, 1, 1),
    IterationForm(FORMS, 1, 1),
    When(1, 1, 1),
    TimePosition(4, 2, 1),
    TimePositionForm(4, FORMS, 1),
    First(10, 1, 1),
    IdPosition(6, 1, 1),
    IdPositionForm(6, FORMS, 1),
    Separator(9, 1, 1),
    Several(FORMS, 1, 1),
    PlanId(FORMS, 1, 1),
    PlanIdMissing(1, 1, 1),
    IdLines(5, 1, 1),
    IdFirstLine(1, 1, 1),
    IdInHeading(FORMS, 1, 1),
    ShapeIds(5, 1, 1),
    ShapeIdsForm(3, FORMS, 1),
    IdLabel(LABELS, 1, 1),
    ShapeCount(5, 1, 1),
    ShapeCountWhen(3, 2, 2),
    MarkPosition(4, 6, 1),
    ShapeMarked(1, 1, 1),
    ShapePlanned(2, 1, 1),
    Plan(1, 1, 1),
    PlanTitle(3, 1, 1),
    Words(6, 1, 1),
    WordsId(4, 2, 1),
    Indent(2, 1, 1),
    Label(LABELS, 2, 1),
    LabelAny(LABELS, 1, 1),
    BoldId(2, 1, 1),
    Retold(1, 1, 1),
    LeadWord(4, 1, 1),
    DoneVerb(2, 1, 1),
    Past(2, 1, 1),
    EndColon(1, 1, 1),
    EndQuestion(1, 1, 1),
    AllOf(1, 1, 1),
    Counter(1, 1, 1),
    Reference(2, 1, 1),
    OwnSection(SECTIONS, 1, 1),
    OwnSectionHeading(SECTIONS, 2, 2),
    In(SECTIONS, 1, 1),
    InForm(SECTIONS, FORMS, 1),
    InId(SECTIONS, 2, 1),
    TickedId(SECTIONS, 1, 1),
    TickedIdFirst(2, 1, 1),
    TickedIdCount(4, 1, 1),
    Under(4, 1, 1),
    UpId(2, 1, 1),
    UpIdForm(FORMS, 1, 1),
    UpSameId(2, 1, 1),
    UpIteration(2, FORMS, 1),
    UpWhen(2, FORMS, 1),
    Depth(4, 1, 1),
    Before(BESIDE, 1, 1),
    After(BESIDE, 1, 1),
    BeforeFrame(2, 1, 1),
    BeforeRule(1, 1, 1),
    BeforeIteration(2, 1, 1),
    BeforeSame(1, 1, 1),
    AfterSame(1, 1, 1),
    BeforeSameId(1, 1, 1),
    BareReport(1, 1, 1),
    BlockLength(6, 1, 1),
    BlockLengthForm(3, FORMS, 2),
    BlockStatus(4, 1, 1),
    BlockStatusForm(4, FORMS, 2),
    BlockLabel(6, 1, 1),
    BlockPast(1, 1, 1),
    BlockPastForm(FORMS, 2, 2),
    BlockOpenBox(1, 1, 1),
    BlockTicked(1, 1, 1),
    BlockIds(2, 1, 1),
    BlockChildren(KINDS, 1, 1),
    BlockChildrenForm(FORMS, 2, 1),
    BlockChildrenMarked(1, 1, 1),
    BlockHeadings(2, 2, 1),
    BlockMarks(1, 1, 1),
    Prior(4, 1, 1),
    PriorLow(2, 2, 1),
    PriorWords(4, 2, 2),
    FileIds(FORMS, 1, 1),
    FileBoxes(1, 1, 1),
    Current(2, 1, 1),
    Duration(1, 1, 1),
    Negated(1, 1, 1),
    // What a first verdict adds: `second`.
    Own(1, 1, 1),
    KeyLogit(1, 1, 1),
    KeyDeviation(1, 1, 1),
    KeyRelative(1, 1, 1),
    BestKeyOfFile(5, 1, 1),
    Best(7, 1, 1),
    BestCount(5, 1, 1),
    NotBest(1, 1, 1),
    KeyCount(6, 1, 1),
    ShapeOthers(6, 1, 1),
    ShapeOthersShare(1, 1, 1),
    ShapeOthersWeighted(1, 1, 1),
    ShapeShare(1, 1, 1),
    FormShare(1, 1, 1),
    Minor(1, 1, 1),
    NoIdAmongIds(1, 1, 1),
    FewEntries(1, 1, 1),
    Rival(4, 1, 1),
    RivalLead(1, 1, 1),
    RivalNear(1, 1, 1),
    RivalAbove(1, 1, 1),
    RivalOfRow(1, 1, 1),
    RivalHeading(1, 1, 1),
    RivalSameShape(1, 1, 1),
    InBlock(1, 1, 1),
    InBlockId(1, 1, 1),
    FrameOfIds(1, 1, 1),
    UpVerdict(1, 1, 1),
    UpIdVerdict(1, 1, 1),
    AboveNear(2, 1, 1),
    BelowNear(1, 1, 1),
    BestForm(FORMS, 1, 1),
    EntriesBeside(4, 2, 1),
    EntriesBesideForm(FORMS, 1, 1),
    // What a whole file shows: `origin`.
    OriginBias(1, 1, 1),
    OriginWord(16, 1, 1),
    OriginWords(5, 4, 1),
    OriginPlan(1, 1, 1),
    OriginRecords(6, 1, 1),
    OriginShare(7, 1, 1),
    OriginCandidates(6, 1, 1),
    OriginSure(1, 1, 1),
    OriginLogit(1, 1, 1),
    OriginTime(1, 1, 1),
    OriginMark(1, 1, 1),
    OriginStatus(1, 1, 1),
    OriginReport(1, 1, 1),
    OriginFrame(1, 1, 1),
    OriginStoryLabel(1, 1, 1),
    OriginKind(KINDS, 1, 1),
    OriginForm(FORMS, 1, 1),
    OriginIds(5, 1, 1),
    OriginDays(4, 2, 1),
    OriginProse(1, 1, 1),
    OriginCode(1, 1, 1),
    OriginBoxes(1, 1, 1),
    OriginPast(1, 1, 1),
    OriginReference(1, 1, 1),
    OriginStatusLabels(4, 1, 1),
    OriginFileLabels(4, 1, 1),
    OriginLearnLabels(4, 1, 1),
}

const BASES: [u16; Feature::ALL.len()] = {
    let mut bases = [0; Feature::ALL.len()];
    let mut sum = 0;
    let mut at = 0;
    while at < bases.len() {
        bases[at] = sum;
        let [a, b, c] = Feature::DIMENSIONS[at];
        sum += a * b * c;
        at += 1;
    }
    bases
};

/// How many numbers there are.
pub(crate) const COUNT: usize = {
    let last = Feature::ALL.len() - 1;
    let [a, b, c] = Feature::DIMENSIONS[last];
    (BASES[last] + a * b * c) as usize
};

/// One, for features that are there or not; fractions for the others.
pub(crate) const ONE: i16 = 16;

impl Feature {
    #[inline(always)]
    fn number(self, values: [u16; 3]) -> u16 {
        let [a, b, c] = Feature::DIMENSIONS[self as usize];
        debug_assert!(values[0] < a && values[1] < b && values[2] < c, "{self:?} {values:?}");
        BASES[self as usize] + ((values[0].min(a - 1)) * b + values[1].min(b - 1)) * c + values[2].min(c - 1)
    }

    /// The feature of a number, and its values.
    pub(crate) fn of(number: u16) -> (Feature, [u16; 3]) {
        let at = BASES.partition_point(|base| *base <= number) - 1;
        let [_, b, c] = Feature::DIMENSIONS[at];
        let remainder = number - BASES[at];
        (Feature::ALL[at], [remainder / (b * c), remainder / c % b, remainder % c])
    }

    /// Its name in the table of weights.
    pub(crate) fn name(number: u16) -> String {
        let (feature, values) = Feature::of(number);
        let name = Feature::NAMES[feature as usize];
        let dimensions = Feature::DIMENSIONS[feature as usize];
        let count = dimensions.iter().rposition(|size| *size > 1).map_or(0, |at| at + 1);
        values[..count].iter().fold(String::from(name), |text, value| format!("{text}.{value}"))
    }
}

/// The features of one line. Each call names its feature, of whose number little is left to compute where the call is inlined.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Evidence {
    /// Number and value; [`ONE`] is 1.
    pub(crate) active: Vec<(u16, i16)>,
}

impl Evidence {
    #[inline(always)]
    pub(crate) fn on(&mut self, feature: Feature) {
        self.active.push((feature.number([0; 3]), ONE));
    }

    #[inline(always)]
    pub(crate) fn is(&mut self, feature: Feature, is_so: bool) {
        if is_so {
            self.on(feature);
        }
    }

    #[inline(always)]
    pub(crate) fn at(&mut self, feature: Feature, a: u16) {
        self.active.push((feature.number([a, 0, 0]), ONE));
    }

    #[inline(always)]
    pub(crate) fn at2(&mut self, feature: Feature, a: u16, b: u16) {
        self.active.push((feature.number([a, b, 0]), ONE));
    }

    #[inline(always)]
    pub(crate) fn at3(&mut self, feature: Feature, a: u16, b: u16, c: u16) {
        self.active.push((feature.number([a, b, c]), ONE));
    }

    pub(crate) fn by(&mut self, feature: Feature, value: f32) {
        self.at_by(feature, 0, value);
    }

    pub(crate) fn at_by(&mut self, feature: Feature, a: u16, value: f32) {
        // Half away from 0, as `round`, which is a call where the processor's own is not known to be there.
        let scaled = f64::from((value * f32::from(ONE)).clamp(-512.0, 512.0));
        let value = (scaled + 0.5_f64.copysign(scaled)) as i16;
        if value != 0 {
            self.active.push((feature.number([a, 0, 0]), value));
        }
    }
}

/// How many of the cuts a value is above: its bucket.
pub(crate) fn bucket<T: PartialOrd>(value: T, cuts: &[T]) -> u16 {
    cuts.iter().filter(|cut| value > **cut).count() as u16
}

/// Forms that act alike.
pub(crate) fn form_class(form: Form) -> u16 {
    match form {
        Form::Heading1 | Form::Heading2 | Form::Heading3 | Form::Heading4 | Form::Heading5 | Form::Heading6 => 0,
        Form::RuledHeading2 | Form::RuledHeading3 | Form::RuledHeading4 => 1,
        Form::Ticked => 2,
        Form::Unticked => 3,
        Form::Bold => 4,
        Form::Bracket => 5,
        Form::Text | Form::TextIndented | Form::Rule | Form::Fence | Form::Code | Form::Blank => 6,
        Form::Bullet | Form::BulletIndented => 7,
        Form::Numbered | Form::NumberedIndented => 8,
        Form::Row => 9,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_no_gaps_and_names_are_unique() {
        let names: std::collections::HashSet<String> = (0..COUNT as u16).map(Feature::name).collect();
        assert_eq!(names.len(), COUNT);
        assert_eq!(Feature::name(Feature::FormMark.number([2, 3, 0])), "FormMark.2.3");
        assert_eq!(Feature::of(Feature::InForm.number([4, 5, 0])), (Feature::InForm, [4, 5, 0]));
    }
}
