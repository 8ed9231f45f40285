-- Fills the empty tables of demo/schema.sql with as many payments as the session's bench.payments says. Every row follows from its
-- number alone, so that two databases differ in size and in nothing else. A job is paid once; a user pays about twenty times. Of a
-- hundred payments 92 have succeeded, 6 are in euros and 4 were refunded. 2,160 are made a day; five millions end in 2025.
INSERT INTO auth_user (id, password, is_superuser, username, first_name, last_name, email, is_staff, is_active, date_joined)
SELECT n, '', false, 'user' || n, 'First' || n, 'Last' || n, 'user' || n || '@example.com', n = 1, true, timestamptz '2019-01-01Z'
FROM generate_series(1, greatest(50, current_setting('bench.payments')::integer / 20)) AS n;

INSERT INTO jobs_cleaningjob (id, service_type, property_address, status, created_at, cleaner_id, client_id)
SELECT n,
       (ARRAY['standard', 'deep', 'move_out', 'office'])[1 + n % 4],
       n % 900 || ' Long Street, Springfield',
       'completed',
       timestamptz '2019-01-01Z' + n * interval '40 seconds',
       1 + n * 7919::bigint % users,
       1 + n * 104729::bigint % users
FROM generate_series(1, current_setting('bench.payments')::integer) AS n, (SELECT count(*) FROM auth_user) AS counted (users);

INSERT INTO payments_payment (
    id, amount, platform_fee, cleaner_payout, currency, stripe_payment_intent_id, stripe_charge_id, payment_method_type,
    payment_method_last4, payment_method_brand, status, refund_amount, refund_reason, refunded_at, created_at, paid_at, metadata,
    description, cleaner_id, client_id, job_id
)
SELECT id,
       100 + id % 200,
       (100 + id % 200) * 0.15,
       (100 + id % 200) * 0.85,
       CASE WHEN id % 16 = 0 THEN 'eur' WHEN id % 97 = 0 THEN 'gbp' ELSE 'usd' END,
       'pi_3' || md5(id::text),
       CASE WHEN is_paid THEN 'ch_3' || md5(id::text) END,
       'card',
       lpad((id % 10000)::text, 4, '0'),
       (ARRAY['visa', 'mastercard', 'amex'])[1 + id % 3],
       status,
       CASE WHEN is_refunded THEN (100 + id % 200) / (1 + id / 25 % 2) ELSE 0 END,
       CASE WHEN is_refunded THEN 'requested_by_customer' END,
       CASE WHEN is_refunded THEN created_at + interval '2 days' END,
       created_at,
       CASE WHEN is_paid THEN created_at + interval '3 seconds' END,
       jsonb_build_object('job_id', id, 'source', 'web'),
       'Cleaning of job ' || id,
       cleaner_id,
       client_id,
       id
FROM (
    SELECT id, created_at, cleaner_id, client_id, status, status = 'succeeded' AS is_paid, status = 'succeeded' AND id % 25 = 0 AS is_refunded
    FROM jobs_cleaningjob AS job (id, service, address, job_status, created_at, cleaner_id, client_id),
         LATERAL (
             -- 37 has nothing in common with 100, so a hundred neighbours take every one of the hundred places.
             SELECT CASE WHEN place < 92 THEN 'succeeded' WHEN place < 96 THEN 'failed' WHEN place < 98 THEN 'cancelled'
                         WHEN place < 99 THEN 'processing' ELSE 'pending' END
             FROM (SELECT id * 37 % 100) AS spread (place)
         ) AS outcome (status)
) AS jobs;

INSERT INTO payments_refund (id, amount, reason, status, stripe_refund_id, created_at, processed_at, payment_id, requested_by_id)
SELECT id / 25, refund_amount, refund_reason, 'completed', 're_3' || md5(id::text), refunded_at, refunded_at, id, client_id
FROM payments_payment
WHERE refund_amount > 0;

INSERT INTO payments_transaction (id, transaction_type, amount, status, stripe_transaction_id, created_at, completed_at, metadata, payment_id)
SELECT id,
       'charge',
       amount,
       CASE status WHEN 'succeeded' THEN 'completed' WHEN 'failed' THEN 'failed' ELSE 'pending' END,
       stripe_charge_id,
       created_at,
       paid_at,
       '{}',
       id
FROM payments_payment
WHERE status <> 'cancelled';
