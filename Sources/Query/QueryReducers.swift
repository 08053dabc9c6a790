internal import Encoding
package import Model

/// Makes reducers of plans of both languages.
package struct QueryReducers: ReducerSource {
    /// The first byte of a plan.
    enum Language: UInt8 {
        case promQL = 1
        case logQL = 2
    }

    package init() {}

    package func reducer(
        of plan: [UInt8], for signal: SignalKind, budget: QueryBudget
    ) -> (any Reducer)? {
        var reader = ByteReader(plan)
        do throws(EncodingError) {
            switch (Language(rawValue: try reader.u8()), signal) {
            case (.promQL, .metrics): return try PromQLReducer(&reader, budget: budget)
            case (.logQL, .logs): return try LogQLReducer(&reader, budget: budget)
            default: return nil
            }
        } catch {
            return nil
        }
    }
}
