// What is believed of BigQuery's answers: the parts that are used. Whole numbers of 64 bits come as text.
import { Type, type Static } from '@sinclair/typebox'

const Int64 = Type.String({ pattern: '^-?\\d{1,19}$' })

export const DatasetAnswerSchema = Type.Object({
  datasetReference: Type.Object({ datasetId: Type.String(), projectId: Type.Optional(Type.String()) }),
  location: Type.String({ minLength: 1 })
})

const FieldSchema = Type.Object({ name: Type.String(), type: Type.String(), mode: Type.Optional(Type.String()) })
export type Field = Static<typeof FieldSchema>
const FieldsSchema = Type.Object({ fields: Type.Optional(Type.Array(FieldSchema)) })

export const TableAnswerSchema = Type.Object({
  schema: Type.Optional(FieldsSchema),
  numRows: Type.Optional(Int64),
  numBytes: Type.Optional(Int64)
})

const FaultSchema = Type.Object({ reason: Type.Optional(Type.String()), message: Type.Optional(Type.String()) })
export type Fault = Static<typeof FaultSchema>

export const JobAnswerSchema = Type.Object({
  configuration: Type.Optional(Type.Object({ labels: Type.Optional(Type.Record(Type.String(), Type.String())) })),
  status: Type.Object({ state: Type.String(), errorResult: Type.Optional(FaultSchema) }),
  statistics: Type.Optional(Type.Object({
    query: Type.Optional(Type.Object({
      totalBytesBilled: Type.Optional(Int64),
      numDmlAffectedRows: Type.Optional(Int64)
    }))
  }))
})
export type JobAnswer = Static<typeof JobAnswerSchema>

/** A dry run makes no job: all that it answers with is the estimate. */
export const DryRunAnswerSchema = Type.Object({
  statistics: Type.Object({
    totalBytesProcessed: Int64,
    query: Type.Optional(Type.Object({ statementType: Type.Optional(Type.String()) }))
  })
})
export type DryRunAnswer = Static<typeof DryRunAnswerSchema>

export const QueryAnswerSchema = Type.Object({
  jobComplete: Type.Boolean(),
  jobReference: Type.Optional(Type.Object({ jobId: Type.String(), location: Type.Optional(Type.String()) })),
  schema: Type.Optional(FieldsSchema),
  rows: Type.Optional(Type.Array(Type.Object({ f: Type.Array(Type.Object({ v: Type.Unknown() })) }))),
  totalRows: Type.Optional(Int64),
  pageToken: Type.Optional(Type.String()),
  totalBytesProcessed: Type.Optional(Int64)
})
export type QueryAnswer = Static<typeof QueryAnswerSchema>

export const TokenAnswerSchema = Type.Object({
  access_token: Type.String({ minLength: 1 }),
  /** Seconds. */
  expires_in: Type.Number({ exclusiveMinimum: 0 })
})
export type TokenAnswer = Static<typeof TokenAnswerSchema>

export const TokenErrorAnswerSchema = Type.Object({ error: Type.String(), error_description: Type.Optional(Type.String()) })
