# The supplementary groups of an account.
forge_groups = lambda do |user|
  lines = file('/etc/group').content.to_s.lines.map { |line| line.chomp.split(':') }
  member = lines.select { |fields| fields[3].to_s.split(',').include?(user) }
  member.map { |fields| fields[0] }
end
