internal import Model

/// The functions of alerts' templates.
///
/// Source: Prometheus, docs/configuration/template_reference.md, template/template.go.
enum AlertTemplateFunctions {
    static let functions = TemplateFunctions(
        queries.merging(texts) { old, _ in old }.merging(numbers) { old, _ in old })

    private static let labelsKey = Array("Labels".utf8)
    private static let valueKey = Array("Value".utf8)

    private static let queries: [String: TemplateFunction] = [
        "query": TemplateFunction([.text]) { (values, context) throws(TemplateFailure) in
            let text = String(decoding: values[0].bytes, as: UTF8.self)
            guard let answer = context.answers[text] else {
                throw TemplateFailure("no answer", wantedQuery: text)
            }
            return .list(answer)
        },
        "first": TemplateFunction([.samples]) { (values, _) throws(TemplateFailure) in
            guard case .list(let samples) = values[0], let first = samples.first else {
                throw TemplateFailure("first() called on vector with no elements")
            }
            return first
        },
        "label": TemplateFunction([.text, .sample]) { (values, _) throws(TemplateFailure) in
            label(values[0].bytes, of: values[1])
        },
        "value": TemplateFunction([.sample]) { (values, _) throws(TemplateFailure) in
            guard case .map(let sample) = values[0] else { return .none }
            return sample[valueKey]
        },
        "strvalue": TemplateFunction([.sample]) { (values, _) throws(TemplateFailure) in
            label(Array("__value__".utf8), of: values[0])
        },
        "sortByLabel": TemplateFunction([.text, .samples]) { (values, _) throws(TemplateFailure) in
            guard case .list(let samples) = values[1] else { return values[1] }
            let keys = samples.map { label(values[0].bytes, of: $0).bytes }
            let order = samples.indices.sorted { a, b in
                if keys[a] == keys[b] { return a < b }
                return keys[a].lexicographicallyPrecedes(keys[b])
            }
            return .list(order.map { samples[$0] })
        },
        "args": TemplateFunction([], rest: .any) { (values, _) throws(TemplateFailure) in
            var map = TemplateMap(.anything)
            for (index, value) in values.enumerated() {
                map.entries[Array("arg\(index)".utf8)] = value
            }
            return .map(map)
        },
        "tmpl": TemplateFunction([.text, .any], kind: .template),
    ]

    private static func label(_ name: [UInt8], of sample: TemplateValue) -> TemplateValue {
        guard case .map(let sample) = sample, case .map(let labels) = sample[labelsKey] else {
            return .text("")
        }
        return labels[name]
    }

    private static func text(
        _ body: @escaping @Sendable ([UInt8]) -> [UInt8]
    ) -> TemplateFunction {
        TemplateFunction([.text]) { (values, _) throws(TemplateFailure) in
            .text(body(values[0].bytes))
        }
    }

    private static let texts: [String: TemplateFunction] = [
        "title": text(GoText.titled),
        "toUpper": text(GoText.uppercased),
        "toLower": text(GoText.lowercased),
        "safeHtml": text { $0 },
        "urlQueryEscape": text(TemplateEscapes.query),
        "graphLink": text { Array("/graph?g0.expr=".utf8) + TemplateEscapes.query($0) + tab(0) },
        "tableLink": text { Array("/graph?g0.expr=".utf8) + TemplateEscapes.query($0) + tab(1) },
        "stripPort": text { HostPort($0)?.host ?? $0 },
        "stripDomain": text(HostPort.withoutDomain),
        "match": TemplateFunction([.text, .text]) { (values, context) throws(TemplateFailure) in
            .bool(try TemplateRegex.matches(values[0].bytes, values[1].bytes, context))
        },
        "reReplaceAll": TemplateFunction([.text, .text, .text]) {
            (values, context) throws(TemplateFailure) in
            .text(
                try TemplateRegex.replaceAll(
                    values[0].bytes, values[2].bytes, values[1].bytes, isLiteral: false, context))
        },
        "externalURL": TemplateFunction([]) { (_, context) throws(TemplateFailure) in
            .text(context.externalURL)
        },
        "pathPrefix": TemplateFunction([]) { (_, context) throws(TemplateFailure) in
            .text(path(ofURL: context.externalURL))
        },
    ]

    private static func tab(_ number: Int) -> [UInt8] { Array("&g0.tab=\(number)".utf8) }

    private static func path(ofURL url: String) -> String {
        guard let scheme = url.utf8.firstRange(of: "://".utf8) else { return url }
        let rest = url[scheme.upperBound...]
        guard let slash = rest.firstIndex(of: "/") else { return "" }
        return String(rest[slash...].prefix { $0 != "?" && $0 != "#" })
    }

    /// A number of whatever may be one.
    private static func number(
        _ body:
            @escaping @Sendable (Double, TemplateContext) throws(TemplateFailure)
            -> TemplateValue
    ) -> TemplateFunction {
        TemplateFunction([.any]) { (values, context) throws(TemplateFailure) in
            try body(try Humanizer.float(values[0]), context)
        }
    }

    private static let numbers: [String: TemplateFunction] = [
        "humanize": number { (value, _) throws(TemplateFailure) in
            .text(Humanizer.decimal(value))
        },
        "humanize1024": number { (value, _) throws(TemplateFailure) in
            .text(Humanizer.binary(value))
        },
        "humanizeDuration": number { (value, _) throws(TemplateFailure) in
            .text(Humanizer.duration(value))
        },
        "humanizePercentage": number { (value, _) throws(TemplateFailure) in
            .text(Humanizer.short(value * 100) + "%")
        },
        "humanizeTimestamp": number { (value, _) throws(TemplateFailure) in
            guard value.isFinite else { return .text(Humanizer.short(value)) }
            return .text(try Humanizer.time(value).description)
        },
        "toTime": number { (value, _) throws(TemplateFailure) in
            guard value.isFinite else { throw TemplateFailure("value is NaN or Inf") }
            return .time(try Humanizer.time(value))
        },
        "toDuration": number { (value, _) throws(TemplateFailure) in
            .duration(Int64(try Humanizer.nanos(value)))
        },
        "now": TemplateFunction([]) { (_, context) throws(TemplateFailure) in
            .float(Double(context.nowNanos / 1_000_000) / 1_000)
        },
        "parseDuration": TemplateFunction([.text]) { (values, _) throws(TemplateFailure) in
            .float(Double(try duration(values[0].bytes)) / 1e9)
        },
        "parseDurationTime": TemplateFunction([.text]) { (values, _) throws(TemplateFailure) in
            .duration(try duration(values[0].bytes))
        },
    ]

    private static func duration(_ bytes: [UInt8]) throws(TemplateFailure) -> Int64 {
        do throws(DurationText.Problem) {
            return try DurationText.parse(bytes)
        } catch {
            switch error {
            case .empty: throw TemplateFailure("empty duration string")
            case .outOfRange: throw TemplateFailure("duration out of range")
            case .malformed:
                throw TemplateFailure("not a valid duration string: \(GoText.quoted(bytes))")
            }
        }
    }
}
