internal import Cluster
internal import Model

/// `/api/v1/cluster/settings`: what is the cluster's and not a node's, to read and to change.
extension ClusterAPI {
    func addSettings(to table: inout RouteTable) {
        table.add([.get], "/api/v1/cluster/settings", .quick, settings)
        table.add([.put, .post], "/api/v1/cluster/settings", .quick, change)
    }

    /// All settings: name, value as text, whether it is the default, and what it is.
    func settings(_ call: HTTPCall) async throws -> HTTPAnswer {
        let current = try member().state.settings
        let standard = ClusterSettings()
        return ClusterAPI.success { json in
            ClusterJSON.list(ClusterSetting.allCases, &json) { setting, json in
                json.raw("{\"name\":")
                json.string(setting.name)
                json.raw(",\"value\":")
                json.string(ClusterAPI.text(setting, current[setting]))
                json.raw(",\"default\":")
                json.string(ClusterAPI.text(setting, standard[setting]))
                json.raw(",\"summary\":")
                json.string(setting.summary)
                json.raw("}")
            }
        }
    }

    /// Parameters `name` and `value`; answers when it is decided.
    func change(_ call: HTTPCall) async throws -> HTTPAnswer {
        let name = call.parameters["name"] ?? ""
        guard let setting = ClusterSetting(name: name) else {
            let names = ClusterSetting.allCases.map(\.name).joined(separator: ", ")
            throw HTTPFailure.invalid("name", "\"\(name)\" is no setting; there are \(names)")
        }
        let text = call.parameters["value"] ?? ""
        guard let value = ClusterAPI.value(setting, text) else {
            throw HTTPFailure.invalid(
                "value", "\"\(text)\" is not \(setting.allowed)")
        }
        return try await perform { (cluster) throws(ClusterAdminError) in
            try await cluster.set(setting, value)
        }
    }

    private static func text(_ setting: ClusterSetting, _ value: Int64?) -> String {
        guard let value else { return "off" }
        return setting.isDuration ? DurationText.format(nanos: value) : "\(value)"
    }

    /// Nil for no value; a nil inside of it is `off`.
    private static func value(_ setting: ClusterSetting, _ text: String) -> Int64?? {
        if text == "off" { return .some(nil) }
        let number = setting.isDuration ? TimeText.duration(text) : Int64(text)
        return number.map { .some($0) }
    }
}
