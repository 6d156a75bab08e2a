-- model_calls: calls of models by agents.
-- Grain: one row per model.called.
-- Columns:
--   event_seq                        the event whose handling made the call
--   input_tokens, output_tokens      tokens
--   latency_ns                       nanoseconds
--   reserved_nanousd, cost_nanousd   nano-US-dollars: the most it could cost, and what it did
--   error_type                       what went wrong where the status does not say it all; else null
create view model_calls as
select
    seq,
    time_ns,
    source as agent,
    causation_seq as event_seq,
    correlation_seq,
    commit_seq,
    cast(data ->> '$.call_number' as bigint) as call_number,
    data ->> '$.operation_name' as operation_name,
    data ->> '$.provider_name' as provider_name,
    data ->> '$.request_model' as request_model,
    data ->> '$.tier' as tier,
    data ->> '$.status' as status,
    cast(data ->> '$.input_tokens' as bigint) as input_tokens,
    cast(data ->> '$.output_tokens' as bigint) as output_tokens,
    cast(data ->> '$.latency_ns' as bigint) as latency_ns,
    cast(data ->> '$.reserved_nanousd' as bigint) as reserved_nanousd,
    cast(data ->> '$.cost_nanousd' as bigint) as cost_nanousd,
    data ->> '$.prompt_sha256' as prompt_sha256,
    data ->> '$.answer' as answer,
    data ->> '$.error_type' as error_type
from events
where type = 'model.called';
