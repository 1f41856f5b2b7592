//! Features in the words of `check`.

/// What a feature is about, by the beginning of its name; the first that fits.
const WORDS: &[(&str, &str)] = &[
    ("FormIdWhen", "its form with an id or a time"),
    ("FormMark", "its form with such a mark"),
    ("FormShare", "lines of its form in this file"),
    ("Form", "its form"),
    ("Kind", "the kind of its id"),
    ("IdMark", "an id and a mark together"),
    ("RowLike", "a row with a mark or a time"),
    ("Iteration", "it names an iteration or a session"),
    ("When", "a time on it"),
    ("TimePosition", "where its time stands"),
    ("IdPosition", "where its id stands"),
    ("MarkPosition", "where its mark stands"),
    ("First", "what it begins with"),
    ("Separator", "what follows its id"),
    ("Several", "it names several ids"),
    ("PlanId", "whether the plan has its id"),
    ("PlanTitle", "its words are those of a title in the plan"),
    ("Plan", "a plan stands beside"),
    ("IdLines", "how many lines name its id"),
    ("IdFirst", "it is the first line with its id"),
    ("IdInHeading", "a heading names its id"),
    ("IdLabel", "an id behind a label"),
    ("ShapeIds", "how many ids lines of its shape name"),
    ("ShapeCount", "how many lines have its shape"),
    ("ShapeMarked", "lines of its shape have marks"),
    ("ShapePlanned", "lines of its shape name the plan's ids"),
    ("Shape", "other lines of its shape"),
    ("Words", "how many free words it has"),
    ("Indent", "its indent"),
    ("Label", "its label"),
    ("Bold", "bold text around its id"),
    ("Retold", "the same words stand elsewhere"),
    ("LeadWord", "the word before its id"),
    ("DoneVerb", "it begins with a verb of finished work"),
    ("Past", "it is told in the past tense"),
    ("End", "how it ends"),
    ("AllOf", "it speaks of all of them"),
    ("Counter", "a counter on it"),
    ("Reference", "a commit, a branch or an address on it"),
    ("OwnSection", "the section that it names"),
    ("InBlock", "entries in the block below"),
    ("In", "the section it stands in"),
    ("Ticked", "a ticked box with an id"),
    ("UpVerdict", "the record it stands under"),
    ("UpIdVerdict", "the record it stands under"),
    ("Up", "what it stands under"),
    ("Under", "what it stands under"),
    ("Depth", "how deep it stands"),
    ("BelowNear", "a record right below"),
    ("AboveNear", "a record right above"),
    ("Before", "the line above"),
    ("After", "the line below"),
    ("BlockStatus", "a status in the block below"),
    ("BlockLabel", "labels in the block below"),
    ("BlockPast", "the block below reports finished work"),
    ("BlockLength", "the length of the block below"),
    ("BlockIds", "ids in the block below"),
    ("BlockChildren", "rows with ids in the block below"),
    ("Block", "the block below"),
    ("Prior", "a runner's words at the top of the file"),
    ("FileIds", "whether lines of this file name ids"),
    ("FileBoxes", "boxes in this file"),
    ("Current", "it says that it is under way"),
    ("Duration", "a duration on it"),
    ("Negated", "a word that turns its sense round"),
    ("Key", "other lines of its type"),
    ("Best", "the best type of this file"),
    ("NotBest", "other types are better records here"),
    ("Minor", "its shape is rare among the records"),
    ("NoId", "no id among lines with ids"),
    ("Few", "hardly any record in this file"),
    ("Entries", "other entries in this file"),
    ("Rival", "another line names the same id"),
    ("Frame", "it holds lines with ids"),
    ("BareReport", "a time alone over a report"),
    ("Own", "the line by itself"),
    ("Origin", "what the whole file shows"),
];

/// The words for a feature's name; `None` for what is the same for every line.
pub(crate) fn words(feature: &str) -> Option<&'static str> {
    WORDS.iter().find(|(start, _)| feature.starts_with(start)).map(|(_, words)| *words)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::feature::{COUNT, Feature};

    #[test]
    fn every_feature_has_its_words() {
        let without: Vec<String> = (0..COUNT as u16).map(Feature::name).filter(|name| name != "Bias" && words(name).is_none()).collect();
        assert!(without.is_empty(), "{without:?}");
    }
}
