internal import Model

extension LabelReplacement {
    /// Sets `destination` of every series whose `source` matches whole to the expanded
    /// replacement; an empty result removes the label.
    func apply(to operand: LogVector) throws(QueryError) -> LogVector {
        guard case .series(let series) = operand else { return operand }
        var seen: [Labels: Bool] = [:]
        var result: [LogSeries] = []
        for one in series {
            var changed = one
            let value = Array((one.labels[source] ?? "").utf8)
            if let groups = expression.firstMatch(in: value[...]) {
                var builder = LabelsBuilder(one.labels)
                builder.set(
                    Array(destination.utf8)[...], expanded(value, groups)[...])
                changed.labels = builder.build()
            }
            guard seen.updateValue(true, forKey: changed.labels) == nil else {
                throw .execution(
                    message: "label_replace makes two series with the labels \(changed.labels)")
            }
            result.append(changed)
        }
        return .series(result)
    }

    /// `$1`, `${1}`, `$name`, `$$` as in Go's Regexp.Expand.
    private func expanded(_ value: [UInt8], _ groups: [Range<Int>?]) -> [UInt8] {
        let template = Array(replacement.utf8)
        let names = expression.groupNames
        var result: [UInt8] = []
        var offset = 0
        while offset < template.count {
            let byte = template[offset]
            guard byte == UInt8(ascii: "$"), offset + 1 < template.count else {
                result.append(byte)
                offset += 1
                continue
            }
            if template[offset + 1] == UInt8(ascii: "$") {
                result.append(byte)
                offset += 2
                continue
            }
            let isBraced = template[offset + 1] == UInt8(ascii: "{")
            let start = offset + (isBraced ? 2 : 1)
            var end = start
            while end < template.count, LabelReplacement.isWord(template[end]) { end += 1 }
            let isClosed = !isBraced || end < template.count && template[end] == 0x7D
            guard end > start, isClosed else {
                result.append(byte)
                offset += 1
                continue
            }
            let name = String(decoding: template[start..<end], as: UTF8.self)
            let number = Int(name) ?? (names.firstIndex(of: name) ?? -2) + 1
            if groups.indices.contains(number), let range = groups[number] {
                result.append(contentsOf: value[range])
            }
            offset = isBraced ? end + 1 : end
        }
        return result
    }

    private static func isWord(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x5F: true
        default: false
        }
    }
}
