-- As the tables' owner: what each connection of the gateway asks for when it is made, and a pooler does not pass on.
ALTER ROLE ventanilla_app SET statement_timeout = '30s';
ALTER ROLE ventanilla_app SET lock_timeout = '15s';
ALTER ROLE ventanilla_app SET idle_in_transaction_session_timeout = '60s';
