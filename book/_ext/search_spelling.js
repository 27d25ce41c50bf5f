// One spelling for the search. What is typed is brought to the spelling of the index before the
// stemmer sees it; search_words.py does the same to the words of the pages, by the same rules.
const SPELLINGS = [
  [/isations?$/, "ization"],
  [/is(e|es|ed|er|ers|ing)$/, "iz$1"],
  [/yse(s|d|r|rs)?$/, "yze$1"],
  [/our(s|ed|ing|al|ally|ful|ite)?$/, "or$1"],
  [/tre(s)?$/, "ter$1"],
  [/elling$/, "eling"],
  [/elled$/, "eled"],
];

class Spelling extends Stemmer {
  constructor() {
    super();
    const stem = this.stemWord;
    this.stemWord = (word) =>
      stem(SPELLINGS.reduce((spelt, [pattern, to]) => spelt.replace(pattern, to), word));
  }
}
Stemmer = Spelling;
