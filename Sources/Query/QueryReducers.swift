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

    package func reducer(of plan: [UInt8], budget: QueryBudget) -> (any Reducer)? {
        var reader = ByteReader(plan)
        do throws(EncodingError) {
            switch Language(rawValue: try reader.u8()) {
            case .promQL: return try PromQLReducer(&reader, budget: budget)
            case .logQL: return try LogQLReducer(&reader, budget: budget)
            case nil: return nil
            }
        } catch {
            return nil
        }
    }
}
