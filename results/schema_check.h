// Whether a store's tables, views and triggers are those that our migrations make. A foreign store's could be others under the same names:
// a view without an end, a trigger that writes. Inside the room only.
#pragma once

namespace stdualx {

class Database;

/// InputError naming the first table, index, view or trigger that is missing, is another, or is a trigger that we did not make. Further
/// tables, views and indices are let be: nothing of ours asks them. Afterwards the schema is trusted: our views use SQLite's JSON
/// functions, which versions before 3.43 refuse to a schema that is not. Outside a transaction. The file's version must be known and not 0.
void check_schema(Database& database);

/// For a schema that is made here.
void trust_schema(Database& database);

} // namespace stdualx
