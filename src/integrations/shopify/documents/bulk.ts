// The life of a bulk operation.

const RunBulkQuery = /* GraphQL */ `
mutation RunBulkQuery($query: String!) {
  bulkOperationRunQuery(query: $query, groupObjects: true) {
    bulkOperation { id status }
    userErrors { field message code }
  }
}`

const BulkOperation = /* GraphQL */ `
query BulkOperation($id: ID!) {
  bulkOperation(id: $id) {
    id status errorCode objectCount rootObjectCount fileSize url partialDataUrl
  }
}`

const CancelBulkOperation = /* GraphQL */ `
mutation CancelBulkOperation($id: ID!) {
  bulkOperationCancel(id: $id) {
    bulkOperation { id status }
    userErrors { field message }
  }
}`

export const bulkDocuments = { RunBulkQuery, BulkOperation, CancelBulkOperation }
