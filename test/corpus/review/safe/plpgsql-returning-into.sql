-- expect: BG018
create or replace function public.take_credits(who uuid, how_many integer)
returns integer
language plpgsql
security definer
as $$
declare
  left_over integer;
begin
  if how_many <= 0 then
    raise exception 'nothing to take';
  end if;
  update public.members set credits = credits - how_many
  where id = who and credits >= how_many
  returning credits into left_over;
  if left_over is null then
    raise exception 'not enough';
  end if;
  return left_over;
end;
$$;
