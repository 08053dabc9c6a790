internal import Model

/// Splits a metric's name and tags in the five styles that clients use, and makes labels of them:
///
///     DogStatsD  name:1|c|#k:v,k2:v2      Influx    name,k=v,k2=v2:1|c
///     Librato    name#k=v,k2=v2:1|c       SignalFX  na[k=v,k2=v2]me:1|c
///     Graphite   name;k=v;k2=v2:1|c
///
/// A style in the name is recognised only where an `=` follows; a lone `,`, `#`, `;` or bracket is
/// part of the name. Tags in the name and behind `|#` at once are refused. A bare tag `k` is the
/// label k="true" (as Telegraf has it), `k:` is no label, `k:v:w` is k="v:w", and of two tags with
/// one name the later wins.
struct StatsdTags {
    /// The name without its tags.
    var name: ArraySlice<UInt8>
    /// Name and value of each tag, as sent.
    var pairs: [(key: ArraySlice<UInt8>, value: ArraySlice<UInt8>)] = []
    /// Tags that were left out because they have no usable name.
    var badCount = 0

    /// `sections`: the fields behind `|#`, without the `#`.
    init(
        name: ArraySlice<UInt8>, sections: [ArraySlice<UInt8>], limits: StatsdLimits
    ) throws(StatsdReason) {
        self.name = name
        let inName = try StatsdTags.split(name)
        if let inName {
            self.name = inName.name
            for piece in inName.tags.split(separator: inName.separator) {
                add(piece, separator: StatsdText.equals)
            }
        }
        for section in sections {
            for piece in section.split(separator: StatsdText.comma) {
                guard inName == nil else { throw .mixedTags }
                add(piece, separator: StatsdText.colon)
            }
        }
        self.name = StatsdText.trimmed(self.name)
        guard !self.name.isEmpty else { throw .emptyName }
        guard self.name.count <= limits.nameBytesMax else { throw .nameTooLong }
        guard pairs.count <= limits.tagCountMax else { throw .tooManyTags }
        for (key, value) in pairs
        where key.count > limits.tagNameBytesMax || value.count > limits.tagValueBytesMax {
            throw .tagTooLong
        }
    }

    /// Tags without a name around them, of an event.
    init(sections: [ArraySlice<UInt8>], limits: StatsdLimits) throws(StatsdReason) {
        try self.init(name: Array("_".utf8)[...], sections: sections, limits: limits)
    }

    private mutating func add(_ piece: ArraySlice<UInt8>, separator: UInt8) {
        let tag = StatsdText.trimmed(piece)
        guard !tag.isEmpty else { return }
        let key: ArraySlice<UInt8>
        let value: ArraySlice<UInt8>
        if let (head, tail) = StatsdText.halves(tag, at: separator) {
            (key, value) = (StatsdText.trimmed(head), StatsdText.trimmed(tail))
        } else {
            (key, value) = (tag, Array("true".utf8)[...])
        }
        if key.isEmpty || key.elementsEqual("__name__".utf8) {
            badCount += 1
        } else {
            pairs.append((key, value))
        }
    }

    /// Name, tags and what stands between them, of a name with tags in it; else nil.
    private static func split(
        _ name: ArraySlice<UInt8>
    ) throws(StatsdReason) -> (name: ArraySlice<UInt8>, tags: ArraySlice<UInt8>, separator: UInt8)?
    {
        if let open = name.firstIndex(of: UInt8(ascii: "[")),
            let close = name[open...].firstIndex(of: UInt8(ascii: "]")),
            name[open..<close].contains(StatsdText.equals)
        {
            let bare = Array(name[..<open] + name[(close + 1)...])[...]
            guard !bare.contains(StatsdText.equals) else { throw .mixedTags }
            return (bare, name[(open + 1)..<close], StatsdText.comma)
        }
        let styles = Array(",#;".utf8)
        guard let place = name.firstIndex(where: styles.contains),
            name[place...].contains(StatsdText.equals)
        else { return nil }
        let separator = name[place] == UInt8(ascii: ";") ? name[place] : StatsdText.comma
        return (name[..<place], name[(place + 1)...], separator)
    }

    /// The label name of a tag or metric under the rule of the listener.
    static func labelName(
        _ name: ArraySlice<UInt8>, _ rule: StatsdOptions.Names, isMetric: Bool
    ) -> ArraySlice<UInt8> {
        switch rule {
        case .underscore: StatsdText.underscored(name, allowsColon: isMetric)[...]
        case .verbatim: name
        }
    }
}
